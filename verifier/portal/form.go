package portal

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign/verifier/directory"
	"countersign/verifier/words"
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
var errStale = words.Refuse(nil, "refused.stale")

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

// refusal gives status and words, in the reader's language, of an error that the
// administrator can mend: nothing was stored, and the form is shown again with
// them. What has no words is not theirs to mend.
func (p *Portal) refusal(r *http.Request, err error) (status int, said string, ok bool) {
	var refused *words.Error
	if !errors.As(err, &refused) {
		return 0, "", false
	}
	status = http.StatusUnprocessableEntity
	if errors.Is(err, errStale) || errors.Is(err, directory.ErrTooManyDevices) {
		status = http.StatusConflict
	}
	return status, p.Pages.Say(r, refused.Text), true
}

// mistake is a mistake in a form.
func mistake(key string, args ...any) error { return words.Refuse(nil, key, args...) }

// split splits a field that takes several, by spaces, commas, semicolons or
// lines.
func split(field string) []string {
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
			return nil, mistake("refused.attribute_form", "line", strconv.Quote(line))
		}
		if _, twice := all[name]; twice {
			return nil, mistake("refused.attribute_twice", "name", strconv.Quote(name))
		}
		if value != "" {
			all[name] = value
		}
	}
	return all, nil
}

// redirect goes to another page of the portal: to begins with its path.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
