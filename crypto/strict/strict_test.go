package strict_test

import (
	"testing"

	"countersign/crypto/strict"
)

type point struct {
	X *int `json:"x"`
}

type value struct {
	Name   string           `json:"name"`
	Yes    bool             `json:"yes"`
	Count  int64            `json:"count"`
	List   []string         `json:"list"`
	Point  point            `json:"point"`
	ByName map[string]point `json:"by_name"`
}

func TestWhatTwoReadersUnderstandAlikeIsTaken(t *testing.T) {
	var v value
	in := `{"name":"a","yes":true,"count":3,"list":["b"],"point":{"x":1},"by_name":{"c":{"x":2}}}`
	if err := strict.Unmarshal([]byte(in), &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "a" || !v.Yes || v.Count != 3 || len(v.List) != 1 || *v.Point.X != 1 || *v.ByName["c"].X != 2 {
		t.Errorf("got %+v", v)
	}
	if err := strict.Unmarshal([]byte(`{}`), &v); err != nil {
		t.Errorf("absent members: %v", err)
	}
}

func TestTheRestIsRefused(t *testing.T) {
	for name, in := range map[string]string{
		"a member twice":                `{"yes":false,"yes":true}`,
		"a member twice, once escaped":  `{"yes":false,"\u0079es":true}`,
		"a member in another case":      `{"Yes":true}`,
		"an unknown member":             `{"yes":true,"no":false}`,
		"a value of another type":       `{"yes":"true"}`,
		"a fraction for a whole number": `{"count":1.5}`,
		"something after it":            `{"yes":true}{}`,
		"null for it all":               `null`,
		"null for a text":               `{"name":null}`,
		"null for a truth value":        `{"yes":null}`,
		"null for a number":             `{"count":null}`,
		"null for a list":               `{"list":null}`,
		"null in a list":                `{"list":[null]}`,
		"null for an object":            `{"point":null}`,
		"null in an object":             `{"point":{"x":null}}`,
		"null in a map":                 `{"by_name":{"c":null}}`,
		"octets that are no UTF-8":      "{\"name\":\"\xff\"}",
		"nothing":                       ``,
	} {
		if err := strict.Unmarshal([]byte(in), new(value)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
