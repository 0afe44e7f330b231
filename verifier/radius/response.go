package radius

import (
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// response is what a request gets, before it is put into octets.
type response struct {
	code    radius.Code
	message string        // for the user, in Reply-Message
	state   string        // of an Access-Challenge
	timeout time.Duration // how long the user has, in an Access-Challenge
	grant   grant
}

// maxAttribute is the most octets that an attribute's value has (RFC 2865 §5).
const maxAttribute = 253

// typeEAPMessage is EAP-Message (RFC 3579 §3.1).
const typeEAPMessage = rfc2869.EAPMessage_Type

func reject(message string) response {
	return response{code: radius.CodeAccessReject, message: message}
}

// prompt is an Access-Challenge. What the user types in answer is no secret, so
// Prompt asks the client to echo it (RFC 2869 §5.10); Session-Timeout says how
// long it may wait (RFC 2869 §5.27 does so for EAP).
func prompt(message, state string, timeout time.Duration) response {
	return response{code: radius.CodeAccessChallenge, message: message, state: state, timeout: timeout}
}

// encode puts a response into octets; what does not fit becomes a refusal, and
// if that is too long as well, nothing.
func (s *Server) encode(p packet, r response) []byte {
	raw, err := encode(p, r)
	if err != nil {
		s.Logger.Error("encoding a RADIUS reply", "error", err)
		if raw, err = encode(p, reject("")); err != nil {
			return nil
		}
	}
	return raw
}

func encode(p packet, r response) ([]byte, error) {
	reply := p.Response(r.code)
	if r.message != "" {
		reply.Add(rfc2865.ReplyMessage_Type, radius.Attribute(r.message[:min(len(r.message), maxAttribute)]))
	}
	if r.code == radius.CodeAccessChallenge {
		reply.Add(rfc2865.State_Type, radius.Attribute(r.state))
		reply.Add(rfc2865.SessionTimeout_Type, radius.NewInteger(uint32(max(1, r.timeout/time.Second))))
		reply.Add(rfc2869.Prompt_Type, radius.NewInteger(uint32(rfc2869.Prompt_Value_Echo)))
	}
	if err := r.grant.addTo(reply); err != nil {
		return nil, err
	}
	copyProxyState(reply, p.Packet)
	return sign(reply)
}
