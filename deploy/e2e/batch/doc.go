// Package batch computes the reference tables of Online Retail straight from the file, in one pass over its rows and
// with nothing of the mesh: the other side of every "stream equals batch" check. Amounts are whole thousandths.
//
// The tables have the shape of what clients/python/fold.py and clients/java/Fold.java print, so that the three can be
// compared as they are.
package batch
