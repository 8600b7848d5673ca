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
// Health: /livez fails only when an event loop has stopped turning, /readyz
// until every product has restored its state and the registry answered.
package service
