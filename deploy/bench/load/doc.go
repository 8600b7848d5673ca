// Package load makes the input of the workloads and measures a process while it works.
package load
