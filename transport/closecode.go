package transport

import "strconv"

// CloseCode is why a relay closes a connection: the code of the websocket's
// close frame (RFC 6455 §7.4.2, private use) with a stable word as its reason.
// Neither says anything about other identities.
type CloseCode int

// The relay's close codes.
const (
	CloseBadFrame           CloseCode = 4400 // not a frame of this protocol, or not at this point
	CloseAuthFailed         CloseCode = 4401 // the token does not prove what it must
	CloseVerifierNotAllowed CloseCode = 4403 // this relay does not serve that verifier
	CloseNoVerifier         CloseCode = 4404 // this relay serves none of the verifiers that the device names
	CloseTimeout            CloseCode = 4408 // no auth in time, or silent for too long
	CloseTooMany            CloseCode = 4409 // the identity has too many connections
	CloseTooLarge           CloseCode = 4413 // a frame over MaxFrame
	CloseRateLimited        CloseCode = 4429 // too many frames or connections; come back later
	CloseShutdown           CloseCode = 4503 // the relay stops; come back at once
	CloseSlowReader         CloseCode = 4508 // did not read what was sent to it
)

// String is the stable word that goes with the code.
func (c CloseCode) String() string {
	switch c {
	case CloseBadFrame:
		return "bad_frame"
	case CloseAuthFailed:
		return "auth_failed"
	case CloseVerifierNotAllowed:
		return "verifier_not_allowed"
	case CloseNoVerifier:
		return "no_verifier"
	case CloseTimeout:
		return "timeout"
	case CloseTooMany:
		return "too_many_connections"
	case CloseTooLarge:
		return "too_large"
	case CloseRateLimited:
		return "rate_limited"
	case CloseShutdown:
		return "shutdown"
	case CloseSlowReader:
		return "slow_reader"
	default:
		return "close_" + strconv.Itoa(int(c))
	}
}

// explanation says what the user of a client can do about the code.
func (c CloseCode) explanation() string {
	switch c {
	case CloseBadFrame, CloseTooLarge:
		return "the relay did not understand this program; update one of them"
	case CloseAuthFailed:
		return "the relay did not accept this program's proof of identity; check the relay's public URL"
	case CloseVerifierNotAllowed:
		return "the relay does not serve this verifier; add its thumbprint to the relay's --verifier"
	case CloseNoVerifier:
		return "the relay does not serve this account's organisation"
	case CloseTimeout:
		return "the connection to the relay was too slow"
	case CloseTooMany:
		return "too many programs are connected with the same identity"
	case CloseRateLimited:
		return "the relay was asked too often; it is tried again later"
	case CloseShutdown:
		return "the relay is restarting"
	case CloseSlowReader:
		return "this program did not read fast enough for the relay"
	default:
		return "the relay closed the connection"
	}
}
