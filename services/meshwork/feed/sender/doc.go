// Package sender sends the messages of a feed to the topics where the mesh reads them.
//
// What it promises. Messages started one after the other arrive in that order within a key; done of each is called once,
// when the brokers have it or it was given up. Nothing of a message is kept after Send. A Sender is safe for concurrent
// use; it blocks while the producer's buffer is full, and a crash loses what has not been acknowledged.
package sender
