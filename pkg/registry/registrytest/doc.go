// Package registrytest is the conformance suite of schema registries: what serialisers, tools and the mesh rely on,
// asked of a running registry through the franz-go client and, for error codes, through plain HTTP.
//
// [Exercise] runs against any registry with the Confluent REST API. What a registry is known not to do is stated in
// [Features] and then skipped by name, so that a test log shows every difference. It creates subjects under random
// names, deletes most of them, and restores the settings it changes; run it on a registry that may be written to.
package registrytest
