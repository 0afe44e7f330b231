package graph

import (
	"compress/gzip"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"countersign/verifier/policy"
)

const (
	headerRequestID       = "request-id"
	headerClientRequestID = "client-request-id"
	maxClientRequestID    = 128 // bytes that are echoed; a GUID has 36
)

// requestIDs name a request in its answer, in the log and in the caller's own
// records.
type requestIDs struct {
	request string
	client  string // the caller's, else the same as request
	echoed  bool
}

func newRequestIDs(r *http.Request) requestIDs {
	ids := requestIDs{request: newGUID()}
	ids.client = r.Header.Get(headerClientRequestID)
	ids.echoed = echoable(ids.client)
	if !ids.echoed {
		ids.client = ids.request
	}
	return ids
}

// echoable keeps what a caller sends from growing or breaking our answer.
func echoable(id string) bool {
	if id == "" || len(id) > maxClientRequestID {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func (ids requestIDs) writeHeaders(header http.Header) {
	header.Set(headerRequestID, ids.request)
	if ids.echoed {
		header.Set(headerClientRequestID, ids.client)
	}
}

// newGUID returns a random UUID (RFC 9562, version 4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// selectedProperties reads $select. Other system query options are refused:
// passing over a $filter would answer another question than was asked.
func selectedProperties(rawQuery string) ([]string, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, codeBadRequest, "The query string is malformed."}
	}
	var selected []string
	for option, values := range query {
		switch {
		case option == "$select":
			for _, name := range strings.Split(strings.Join(values, ","), ",") {
				selected = append(selected, strings.TrimSpace(name))
			}
		case strings.HasPrefix(option, "$"):
			return nil, &httpError{http.StatusBadRequest, codeBadRequest, fmt.Sprintf("Query option '%s' is not supported; use $select.", option)}
		}
	}
	if len(selected) == 1 && selected[0] == "*" {
		return nil, nil
	}
	return selected, nil
}

// readBody reads a JSON body, plain or gzipped. The limit holds after inflation
// too: a few kilobytes of gzip can hold gigabytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if contentType := r.Header.Get("Content-Type"); contentType != "" {
		if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
			return nil, &httpError{http.StatusUnsupportedMediaType, codeUnsupportedMedia, fmt.Sprintf("Content-Type %q is not supported; send application/json.", contentType)}
		}
	}
	body := io.Reader(http.MaxBytesReader(w, r.Body, policy.MaxDocumentBytes))
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		inflated, err := gzip.NewReader(body)
		if err != nil {
			return nil, unreadable(err)
		}
		body = io.LimitReader(inflated, policy.MaxDocumentBytes+1)
	default:
		return nil, &httpError{http.StatusUnsupportedMediaType, codeUnsupportedMedia, fmt.Sprintf("Content-Encoding %q is not supported; send gzip or none.", encoding)}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, unreadable(err)
	}
	if len(text) > policy.MaxDocumentBytes {
		return nil, tooLarge()
	}
	return text, nil
}

func unreadable(err error) error {
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		return tooLarge()
	}
	return &httpError{http.StatusBadRequest, codeBadRequest, "The request body could not be read: it ends early, or is not what Content-Encoding says."}
}

func tooLarge() error {
	return &httpError{http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("The request body is longer than %d bytes.", policy.MaxDocumentBytes)}
}
