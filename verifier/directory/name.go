package directory

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"countersign/verifier/words"
)

const maxName = 128 // octets: what a message can carry of a user's name

// foldName gives the form in which names are compared: the UsernameCaseMapped
// profile of PRECIS (RFC 8265 §3.3), so that "Zoë", "ZOË" and a decomposed
// spelling are one user, and no two spellings that look alike by case or width
// make two.
func foldName(name string) (string, error) {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return "", invalid("refused.name_length", "most", maxName)
	}
	folded, err := precis.UsernameCaseMapped.String(name)
	if err != nil {
		return "", invalid("refused.name_character")
	}
	local, domain, upn := strings.Cut(folded, "@")
	if local == "" || (upn && domain == "") || strings.Contains(domain, "@") {
		return "", invalid("refused.name_form")
	}
	return folded, nil
}

// splitName splits a folded name; a bare name has no domain.
func splitName(folded string) (local, domain string) {
	local, domain, _ = strings.Cut(folded, "@")
	return local, domain
}

const maxText = 256 // octets of a display name, attribute or role

// checkText refuses text that could not be shown or logged faithfully: control
// characters let a name rewrite a terminal or a list of lines. what is the key
// of the words for what it is.
func checkText(what, s string) error {
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid("refused.text", "what", words.Of(what), "most", maxText)
	}
	return nil
}
