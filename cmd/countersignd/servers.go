package main

// serverCommands are the commands that serve, and those that go with a server
// that runs.
type serverCommands struct {
	Serve    serveCmd    `cmd:"" help:"Run relay and verifier in one process."`
	Relay    relayCmd    `cmd:"" help:"Run a relay alone."`
	Verifier verifierCmd `cmd:"" help:"Run a verifier whose relay is elsewhere."`
	Enrol    enrolCmd    `cmd:"" help:"Make an enrolment link for a user."`
}
