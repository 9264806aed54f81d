#!/bin/sh
# User data of the example fleets: start the worker that takes jobs from the queue.
exec systemctl start worker.service
