package message

import "time"

// Every limit on what a message may hold, in one place. Together they keep the
// largest message of each type within envelope.PlaintextSize; a test holds that.
const (
	maxName     = 64  // octets of a device's or an account's name
	maxUser     = 128 // octets of a user principal name
	maxApp      = 96  // octets of an application's name (32 Thai characters)
	maxOrigin   = 192 // octets of an origin
	maxLocation = 96  // octets of a location
	maxClient   = 64  // octets of a client's name
	maxIP       = 45  // octets of an IPv6 address with an IPv4 part
	maxVersion  = 32  // octets of an app version
	maxReason   = 64  // octets of a reason code
	maxID       = 64  // octets of an id
	maxOpen     = 8   // prompts that a Sync names
	maxDevices  = 5   // devices that a Devices lists

	maxLink = 2048 // octets of an enrolment link

	// Lifetime is how long a challenge may live at most.
	Lifetime = 120 * time.Second
	// EnrolmentLifetime is how long an enrolment link may live at most.
	EnrolmentLifetime = 10 * time.Minute
	// Leeway is how far two clocks may be apart.
	Leeway = 90 * time.Second
)
