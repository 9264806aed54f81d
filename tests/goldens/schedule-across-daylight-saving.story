# The clocks of Berlin go forward on the 31st of March: eight o'clock is one hour earlier in UTC from that day on. What
# begins in the hour that is left out begins when it is over, and what begins in the hour that comes twice begins once.
fleet max 20
schedule day from 0 8 * * * until 0 9 * * * in Europe/Berlin min 2
schedule night from 30 2 * * * lasts 15m in Europe/Berlin min 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-03-30 07:00
dry-plan
on 2024-03-31 00:59
dry-plan
# Three o'clock in Berlin.
on 2024-03-31 01:00
dry-plan
on 2024-03-31 06:00
dry-plan
# Half past two for the first time, a quarter to three, and half past two again.
on 2024-10-27 00:30
dry-plan
on 2024-10-27 00:45
dry-plan
on 2024-10-27 01:30
dry-plan
on 2024-10-27 07:00
dry-plan
