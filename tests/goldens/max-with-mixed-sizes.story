# The maximum is never passed, also not by the last machine: seven units are three machines of two and one of one,
# though a further machine of two would be cheaper a unit. Where only twos are offered, the seventh unit has to wait.
fleet max 7 unit vcpu min-pools 1
offer aws/east/e1/two/spot price 0.050 vcpus 2
offer aws/east/e1/one/spot price 0.031 vcpus 1
queue waiting 500
dry-plan
withdraw aws/east/e1/one/spot
plan
ready
plan
