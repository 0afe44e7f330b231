package portal

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/policy"
	"countersign/verifier/tenant"
)

var errForm = errors.New("portal: a form that the portal does not have")

// form reads a form; values come from the body alone.
func form(r *http.Request) (values func(string) string, err error) {
	if err := r.ParseForm(); err != nil {
		return nil, errors.Join(errForm, err)
	}
	return r.PostForm.Get, nil
}

// errStale says that what a form was drawn of was changed meanwhile.
var errStale = errors.New("portal: changed meanwhile")

// version names the state of a thing. A form carries the one that it was drawn
// of, and is refused when it is another by then: the last of two administrators
// must not undo what the first did without having seen it.
func version(thing any) (string, error) {
	text, err := json.Marshal(thing, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("portal: naming a version: %w", err)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}

// unchanged gives errStale if a thing is not in the state that a form was drawn
// of.
func unchanged(thing any, drawn string) error {
	now, err := version(thing)
	if err == nil && now != drawn {
		err = errStale
	}
	return err
}

// refusal gives status and words of an error that the administrator can mend:
// nothing was stored, and the form is shown again with them.
func (p *Portal) refusal(r *http.Request, err error) (status int, words string, ok bool) {
	var document *policy.DocumentError
	switch {
	case err == nil:
		return 0, "", false
	case errors.Is(err, errStale):
		return http.StatusConflict, p.Pages.Text(r, "admin.changed_meanwhile"), true
	case errors.As(err, &document):
		return http.StatusUnprocessableEntity, document.Message, true
	case errors.Is(err, directory.ErrTooManyDevices), errors.Is(err, enrol.ErrNotAllowed):
		return http.StatusConflict, plain(err), true
	}
	for _, kind := range []error{
		directory.ErrInvalid, directory.ErrExists, tenant.ErrInvalid, tenant.ErrOverridden, policy.ErrInput, errMistake,
	} {
		if errors.Is(err, kind) {
			return http.StatusUnprocessableEntity, plain(err), true
		}
	}
	return 0, "", false
}

// errMistake is a mistake in a form, in the words that follow it.
var errMistake = errors.New("portal: mistake")

func mistake(words string) error { return fmt.Errorf("%w: %s", errMistake, words) }

// plain is an error without the names of packages before its words: they are
// for who reads the source.
func plain(err error) string {
	words := err.Error()
	for {
		before := words
		for _, prefix := range []string{"directory: ", "tenant: ", "enrol: ", "portal: ", "policy ", "invalid: ", "invalid setting: ", "mistake: "} {
			words = strings.TrimPrefix(words, prefix)
		}
		if words == before {
			return words
		}
	}
}

// words splits a field that takes several, by spaces, commas, semicolons or
// lines.
func words(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) })
}

// attributes reads lines of name = value; one without a value is none.
func attributes(field string) (map[string]string, error) {
	all := make(map[string]string)
	for line := range strings.Lines(field) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found || name == "" {
			return nil, mistake(fmt.Sprintf("the attribute %q is not written as name = value", line))
		}
		if _, twice := all[name]; twice {
			return nil, mistake(fmt.Sprintf("the attribute %q comes twice", name))
		}
		if value != "" {
			all[name] = value
		}
	}
	return all, nil
}

// redirect goes to another page of the portal: to begins with its path.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // rooted in /admin by every caller
	return nil
}
