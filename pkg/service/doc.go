// Package service is what every Meshwork process shares: configuration from
// flags and environment, logging, metrics, health, one HTTP server, and an
// orderly start and stop.
//
// A service is a value, Definition: a name, the data products it materialises
// and the routes of its API. Main runs one Definition as a program of its own;
// Open and Platform.Run run any number of them in one process, sharing one
// Kafka client, one registry client, one producer, one metrics registry and
// one HTTP server, whose page / lists services, products and API documents.
//
// Configuration is complete or refused: Config.Validate lists all faults at
// once. Secrets come from files or the environment, never from arguments, and
// print as "[redacted]".
//
// Stopping has two stages. SIGINT or SIGTERM stops gracefully: products finish
// what they fetched, commit and leave their groups, within
// Config.ShutdownTimeout; a second signal ends the process at once, which
// loses nothing that was committed. A process killed without warning resumes
// from its state directory and the changelog.
//
// Health: /livez fails only when the loop of a product has not turned for two
// minutes. /readyz fails until every product has restored its state and the
// registry answered, and again while a product has work and has not committed
// anything of it for Config.StallAfter, or its brokers do not answer; it says
// which and why, and recovers by itself.
package service
