// Package bench compares the mesh with what a team would use instead, as ratios from one run on one machine.
//
// Every figure is a ratio: both sides run the same workload against the same broker, in processes of their own, in
// turn (A B A B …), at least five rounds, and the median of each side is compared. CPU is what the operating system
// accounts to the client process (getrusage) over the part of the run in which it is warm; the broker runs in a
// process of its own and is not counted. The rivals' programs stand under rival/ and java/, written and tuned as
// their own users would write them.
//
// Nothing here asserts a time: machines are small, shared and noisy. `go run ./deploy/bench/cmd/bench -h` lists the
// workloads.
package bench
