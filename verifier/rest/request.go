package rest

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a request.
const (
	// MaxBody is the most octets that a body may have.
	MaxBody = 64 << 10
	// MaxWait is the longest that a request may wait for a change.
	MaxWait = 60 * time.Second
	// bodyTime is how long a body may take to arrive: one octet a minute would
	// hold a connection for ever.
	bodyTime = 15 * time.Second
	// maxToken is the most octets of a bearer token.
	maxToken = 512
	// maxID is the most octets of an id in a path.
	maxID = 64
)

// PathID is the id in the request's path ({id} in the route's pattern). What can be
// none is looked up as the empty one, which nothing has: no store has to take a
// stranger's zero bytes, or kilobytes.
func PathID(r *http.Request) string {
	id := r.PathValue("id")
	if !Plain(id, maxID) {
		return ""
	}
	return id
}

// Plain tells text of at most so many octets that can be shown and logged
// faithfully: control characters would let a name rewrite a terminal or a list of
// lines.
func Plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Body reads a body of at most limit octets.
func Body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	// The deadlines are the network's, and where it has none (a test's recorder)
	// there is nothing to bound. The second lifts the first once the body is
	// there: a connection whose read deadline passes counts as gone, and the
	// answer may take longer. Where the body did not arrive the first stands, or
	// the server would wait for the rest of it for ever before it answers.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		_ = c.SetReadDeadline(time.Time{})
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Problem{
			Status: http.StatusRequestEntityTooLarge, Code: CodeTooLarge, Title: "The body is too large",
			Detail: fmt.Sprintf("At most %d bytes.", limit),
		}
	case err != nil:
		return nil, &Problem{Status: http.StatusBadRequest, Code: CodeInvalidRequest, Title: "The request is not valid", Detail: "The body did not arrive.", Err: err}
	}
	return body, nil
}

// Decode reads a JSON object into the struct at v, strictly: names are
// case-sensitive; unknown, duplicate and trailing members are refused, with an
// error that names the member.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	if err := checkContentType(r); err != nil {
		return err
	}
	body, err := Body(w, r, MaxBody)
	if err != nil {
		return err
	}
	if jsontext.Value(body).Kind() != '{' {
		return Invalid("The body must be a JSON object.")
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return describe(err)
	}
	return nil
}

// checkContentType takes application/json and no type at all. A form that a
// foreign page posts has another type, and so never gets this far.
func checkContentType(r *http.Request) error {
	given := r.Header.Get("Content-Type")
	if given == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(given)
	if err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return &Problem{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Title: "The body is not of a type that is read here",
		Detail: "Send application/json.",
	}
}

func describe(err error) error {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		var syntactic *jsontext.SyntacticError
		if errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName) {
			return Invalid("The member %s stands twice.", member(syntactic.JSONPointer))
		}
		return Invalid("The body is not well-formed JSON.")
	}
	name := member(semantic.JSONPointer)
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		return Invalid("The member %s is not known here.", name)
	case semantic.GoType != nil && reflect.PointerTo(semantic.GoType).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && semantic.Err != nil:
		// A word out of a list: its type's own error names what is allowed.
		return Invalid("The member %s: %s.", name, semantic.Err.Error())
	case semantic.GoType != nil:
		return Invalid("The member %s must be %s.", name, wanted(semantic.GoType))
	}
	return Invalid("The member %s has a value of the wrong type.", name)
}

// member writes a JSON pointer (RFC 6901) the way people name members.
func member(pointer jsontext.Pointer) string {
	var names []string
	for token := range pointer.Tokens() {
		names = append(names, token)
	}
	return fmt.Sprintf("%q", strings.Join(names, "."))
}

func wanted(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// Wait reads the query's wait, such as 25s: how long the caller would wait for
// a change. More than MaxWait is MaxWait; absent is none.
func Wait(r *http.Request) (time.Duration, error) {
	query := r.URL.Query()
	if !query.Has("wait") {
		return 0, nil
	}
	wait, err := time.ParseDuration(query.Get("wait"))
	if err != nil || wait < 0 || len(query["wait"]) > 1 {
		return 0, Invalid("wait is a time such as 25s, at most %s.", MaxWait)
	}
	return min(wait, MaxWait), nil
}

// Bearer gives the token of the Authorization header (RFC 6750 §2.1), or a
// problem of status 401.
func Bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", Unauthorised(w, "Send the header Authorization: Bearer and a key.")
	}
	return token, nil
}

// Unauthorised is the problem of a request without a key that is known.
func Unauthorised(w http.ResponseWriter, detail string) error {
	w.Header().Set("WWW-Authenticate", `Bearer realm="countersign"`)
	return &Problem{Status: http.StatusUnauthorized, Code: CodeUnauthorised, Title: "A valid key is needed", Detail: detail}
}
