// Package mesh holds our side of the workloads, written against the public API of the backbone only.
package mesh
