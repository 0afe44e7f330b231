package graph

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Codes of the error object, as Microsoft Graph names them.
const (
	codeBadRequest       = "badRequest"
	codeInvalidToken     = "InvalidAuthenticationToken"
	codeDenied           = "Authorization_RequestDenied"
	codeNotFound         = "ResourceNotFound"
	codeMethodNotAllowed = "methodNotAllowed"
	codeTooLarge         = "requestEntityTooLarge"
	codeUnsupportedMedia = "unsupportedMediaType"
	codeInternal         = "generalException"
)

// httpError is an error that the caller may see.
type httpError struct {
	status  int
	code    string
	message string
}

func (e *httpError) Error() string { return e.message }

// errorBody is the OData error object (OData JSON Format 4.01, section 21).
type errorBody struct {
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		InnerError struct {
			Date            string `json:"date"`
			RequestID       string `json:"request-id"`
			ClientRequestID string `json:"client-request-id"`
		} `json:"innerError"`
	} `json:"error"`
}

func (e *httpError) write(w http.ResponseWriter, ids requestIDs, now time.Time) {
	var body errorBody
	body.Error.Code, body.Error.Message = e.code, e.message
	body.Error.InnerError.Date = now.UTC().Format("2006-01-02T15:04:05")
	body.Error.InnerError.RequestID = ids.request
	body.Error.InnerError.ClientRequestID = ids.client
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	// A message may quote bytes of a request that are no text; strings marshal
	// in any case, so an error means that nobody is left to read it.
	_ = json.MarshalWrite(w, body, jsontext.AllowInvalidUTF8(true))
}
