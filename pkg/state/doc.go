// Package state holds the keyed state of a task: what a data product knows
// about every key of one partition.
//
// # Contract
//
// A [Store] maps byte keys to byte values and remembers one opaque position,
// the place in Kafka up to which it reflects the inputs. [Store.Apply] changes
// keys and position together: whatever happens to the process, an opened store
// shows the state after some Apply together with the position given to that
// same Apply, never a mixture. It may show an older one than the last, because
// nothing waits for the disk in Apply; the owner then replays its changelog
// from the older position. It never shows a newer one than was applied, since
// the engine applies only what has been committed.
//
// Two implementations keep that contract and pass the suite in statetest:
//
//   - [OpenMemory] keeps every key in memory, outside the Go heap, so that
//     garbage collection neither scans nor counts it. A log of batches and
//     incremental snapshots on the local disk make a restart cheap. With [Pages]
//     the stores of a process share a limit: what is beyond lies in a scratch
//     file that is mapped in and out.
//   - [OpenDisk] keeps keys in Pebble, for state far larger than what is looked
//     at.
//
// Local files are a cache of the changelog. Damage is detected by checksums
// and reported as [ErrCorrupt]; the owner then wipes the directory and rebuilds
// from the changelog. A damaged or torn end of the log is no error: the store
// opens at the last intact batch and at that batch's position.
//
// # Writing
//
// A reaction writes to an [Overlay], which lies over the store until its
// transaction is committed, and is then turned into a [Batch] by
// [Overlay.AppendTo] and applied. Overlay and Batch are reused from transaction
// to transaction and allocate nothing once they have grown to their working
// size.
//
// # Ownership
//
// One goroutine owns a store, and with it every method but [Store.Stats], which
// any goroutine may call. Overlay and Batch belong to one goroutine as well.
// Slices returned by Get, Position and Scan belong to the store: they are read
// only and valid until its next Apply or Close.
package state
