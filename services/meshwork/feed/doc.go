// Package feed is the shape in which orders and product changes enter the mesh at its edge, whoever makes them: a
// file that is replayed, or the generator.
//
// A source is a plain iterator: one goroutine calls Next until io.EOF. Nothing is kept, nothing blocks but the
// reader below a source; what a source cannot use it reports by the means its own package describes.
package feed
