// Package feed is the shape in which messages enter the mesh at its edge (orders, changes of products and customers,
// what visitors do, interactions), whoever makes them: a file that is replayed, or the simulated shop.
//
// A source is a plain iterator: one goroutine calls Next until io.EOF. Nothing is kept, nothing blocks but the
// reader below a source; what a source cannot use it reports by the means its own package describes.
package feed
