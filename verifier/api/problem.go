package api

import (
	"errors"
	"net/http"

	"countersign/verifier/challenge"
	"countersign/verifier/rest"
)

// problem says what a sign-in's error means to a relying party.
func problem(err error) *rest.Problem {
	var refusal *challenge.Refusal
	switch {
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.Is(err, challenge.ErrUnknown):
		return &rest.Problem{
			Status: http.StatusNotFound, Code: rest.CodeNotFound, Title: "There is no such challenge",
			Detail: "It never was, or it is another client's.",
		}
	case errors.Is(err, challenge.ErrWrongCode):
		return &rest.Problem{
			Status: http.StatusUnprocessableEntity, Code: "wrong_code", Title: "The code is wrong",
			Detail: "It is not the user's code of now, or it was used before. Ask for the next one.",
		}
	case errors.Is(err, challenge.ErrNotTOTP):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "no_code_expected", Title: "This challenge takes no code",
			Detail: `Only a challenge whose experience is "totp" does.`,
		}
	case errors.Is(err, challenge.ErrSettled):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "already_settled", Title: "This challenge is settled",
			Detail: "Start another.",
		}
	}
	return rest.Internal(err)
}

// notApproved says what a code has come to that approved nothing.
func notApproved(state challenge.State) *rest.Problem {
	if state == challenge.Denied {
		return refused(&challenge.Refusal{Code: challenge.RefusedTOTP})
	}
	return problem(challenge.ErrSettled) // the user or the method went meanwhile
}

// refused says why a start was not allowed, in words that tell what to do.
func refused(r *challenge.Refusal) *rest.Problem {
	p := &rest.Problem{Code: r.Code, RetryAfter: r.RetryAfter}
	switch r.Code {
	case challenge.RefusedPending:
		p.Status, p.Title = http.StatusConflict, "A sign-in of this user is pending"
		p.Detail = "The first stands until it is answered or expires."
	case challenge.RefusedLimit:
		p.Status, p.Title = http.StatusTooManyRequests, "Too many sign-ins of this user"
		p.Detail = "Wait as long as Retry-After says. A sign-in by code is still possible."
	case challenge.RefusedLocked:
		p.Status, p.Title = http.StatusLocked, "Push is locked for this account"
		p.Detail = "It was locked after wrong numbers in a row. An administrator unlocks it, or a sign-in by code."
	case challenge.RefusedTOTP:
		p.Status, p.Title = http.StatusLocked, "Codes are locked for this account"
		p.Detail = "They were locked after wrong codes in a row. An administrator unlocks them, or an approved push."
	case challenge.RefusedBlocked:
		p.Status, p.Title = http.StatusForbidden, "This source is blocked for this account"
		p.Detail = "The user reported a sign-in from it. The block ends by itself, or by an administrator."
	default:
		return rest.Internal(r)
	}
	return p
}
