// Package cli is the command meshwork: one file per command.
//
// Every command that prints data prints text for people, or JSON with -o json:
// one document, or one document a line where the output is a stream. Data goes
// to standard output, everything else to standard error.
//
// Exit statuses: 0 done; 1 failed, or a check found something; 2 wrong
// arguments or configuration; 3 a broker or the registry cannot be reached;
// 4 the topic, product, group or subject does not exist; 5 a port, data folder
// or consumer group is in use; 130 ended by a second interrupt.
package cli
