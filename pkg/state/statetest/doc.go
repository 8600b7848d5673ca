// Package statetest checks that a state store keeps the contract of package
// state, whatever it is made of. An implementation passes [Exercise].
package statetest
