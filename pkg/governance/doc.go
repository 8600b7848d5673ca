// Package governance reads the descriptors of the mesh and checks them: Avro schemas, data contracts (ODCS 3.1, one
// per port) and data products (Bitol ODPS 1.0 with the canvas as a custom property).
//
// Load reads a tree of descriptor files into a Mesh; Lint applies every rule that files can show and returns
// findings, each with its rule, file, path, message and what to do about it. Both are pure functions of the files:
// no network, no clock, no state. A loaded Mesh is not changed by anything here and may be shared.
//
// Rules that need a running mesh are not here: declared inputs against observed ones (rule 8's second half),
// measured service levels, and lineage observed at run time.
package governance
