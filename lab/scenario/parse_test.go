package scenario

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// mustName checks that each key of the types stands in a text.
func mustName(t *testing.T, text string, types ...any) {
	t.Helper()
	for _, v := range types {
		typ := reflect.TypeOf(v)
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		for _, f := range fieldsOf(typ) {
			if !regexp.MustCompile(`\b` + f.key + `\b`).MatchString(text) {
				t.Errorf("%s: the text does not name the key %s", typ, f.key)
			}
		}
	}
}

const sound = `scenario: sound
rules: [1]
given:
  users:
    zoe: {password: correct horse}
  devices:
    phone: {platform: ios}
    late: {enrolled: false}
when:
  - start: sign_in
  - {answer: sign_in, device: phone, with: right_number}
then:
  - {sign_in: sign_in, state: approved}
`

func TestABrokenFileSaysWhereAndWhatWasExpected(t *testing.T) {
	if _, err := Parse("sound.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	// Each changes the sound file in one place.
	for name, test := range map[string]struct{ old, now, want string }{
		"unknown key of a scenario":     {"rules: [1]", "rule: [1]", `f.yaml:2: a scenario: unknown key "rule"; allowed are scenario, rules, why, given, when, then`},
		"unknown key of a device":       {"platform", "os", `f.yaml:7: devices.phone: unknown key "os"; allowed are user, platform, form_factor, app_version, enrolled`},
		"unknown step":                  {"- start: sign_in", "- begin: sign_in", `f.yaml:10: a step begins with one of start, answer, code, `},
		"unknown key of a step":         {"with: right_number", "with: right_number, whit: 1", `f.yaml:11: a step "answer": unknown key "whit"; allowed are answer, device, with, claims, expect`},
		"missing key of a step":         {", with: right_number", "", `f.yaml:11: a step "answer": "with" is missing`},
		"unknown value":                 {"right_number", "right", `f.yaml:11: with: "right" is not one of right_number, wrong_number, approve, deny, report`},
		"unknown state":                 {"state: approved", "state: aproved", `f.yaml:13: state: "aproved" is not one of pending, approved, denied, expired, cancelled`},
		"unknown platform":              {"platform: ios", "platform: symbian", `f.yaml:7: platform: "symbian" is not one of "ios", "android"`},
		"a text where true is expected": {"enrolled: false", "enrolled: maybe", `f.yaml:8: enrolled: expected true or false, got the text "maybe"`},
		"a text where a list is needed": {"when:\n  - start: sign_in\n  - {answer: sign_in, device: phone, with: right_number}", "when:\n  start: sign_in", `f.yaml:10: when: expected a list, got a mapping`},
		"a list where a name is needed": {"device: phone", "device: [phone]", `f.yaml:11: device: expected a text of one line, got a list`},
		"a rule that is none":           {"[1]", "[14]", `f.yaml:2: rules, entry 1: "14" is no rule; they are numbered 1 to 13`},
		"no duration":                   {"- start: sign_in", "- wait: soon\n  - start: sign_in", `f.yaml:10: wait: "soon" is no duration such as 30s, 5m or 1h`},
		"no time at all":                {"- start: sign_in", "- wait: 0s\n  - start: sign_in", `f.yaml:10: wait: a time that is more than nothing`},
		"never started":                 {"answer: sign_in", "answer: sign_out", `f.yaml:11: no sign-in "sign_out" was started before this; started are sign_in`},
		"nothing started":               {"  - start: sign_in\n", "", `f.yaml:10: no sign-in "sign_in" was started before this: begin with start: sign_in`},
		"expected of one never started": {"{sign_in: sign_in,", "{sign_in: sign_out,", `f.yaml:13: no sign-in "sign_out" was started before this`},
		"started twice":                 {"- start: sign_in", "- start: sign_in\n  - start: sign_in", `f.yaml:11: the sign-in "sign_in" was started before this`},
		"no such device":                {"device: phone", "device: tablet", `f.yaml:11: there is no device "tablet"; given are late, phone`},
		"no such user":                  {"- start: sign_in", "- start: sign_in\n    user: otto", `f.yaml:10: there is no user "otto"; given are zoe`},
		"which device":                  {"device: phone, ", "", `f.yaml:11: which device? given are 2: say device: NAME`},
		"enrolled twice":                {"- start: sign_in", "- enrol: phone\n  - start: sign_in", `f.yaml:10: the device "phone" is enrolled from the start`},
		"expects nothing":               {", state: approved", "", `f.yaml:13: the expectation of the sign-in "sign_in" expects nothing`},
		"nothing expected at all":       {"then:\n  - {sign_in: sign_in, state: approved}\n", "", `f.yaml:1: the scenario expects nothing, so it cannot fail`},
		"broker control of a push":      {"{sign_in: sign_in, state: approved}", "{device: phone, for: sign_in, show_number_again: hidden}", `f.yaml:13: the sign-in "sign_in" was not started with sign_in_here`},
		"short password":                {"correct horse", "short", `f.yaml:5: a password has 8 characters or more`},
		"a key given twice":             {"rules: [1]", "rules: [1]\nrules: [2]", `f.yaml:3: `},
		"an anchor":                     {"{platform: ios}", "&a {platform: ios}", `f.yaml:7: devices.phone: expected a mapping, got an anchor, alias, merge or tag`},
		"no YAML":                       {"rules: [1]", "rules: [1", `f.yaml:`},
		"one alone at once":             {"- start: sign_in", "- together:\n      - start: a\n  - start: sign_in", `f.yaml:10: a together has two steps or more`},
		"resting on what is at once": {
			"- start: sign_in", "- together:\n      - start: a\n      - {answer: a, device: phone, with: deny}\n  - start: sign_in",
			`f.yaml:12: no sign-in "a" was started before this`,
		},
		"two answers of one device at once": {
			"with: right_number}", "with: right_number}\n  - together:\n      - {answer: sign_in, device: phone, with: deny}\n      - {answer: sign_in, device: phone, with: deny}",
			`f.yaml:14: a device gives one answer at a time`,
		},
		"a setting of another kind": {"given:", "given:\n  clients: {web: {kind: web, os_build: \"1.2\"}}", `f.yaml:4: a client of kind web has no os_build`},
		"a limit beyond the most":   {"given:", "given:\n  limits: {wrong_numbers: 101}", `f.yaml:4: limits: wrong_numbers is a number from 1 to 100`},
		"digits that are none":      {"given:", "given:\n  tenant: {number_digits: 4}", `f.yaml:4: tenant: number_digits is 2 or 6`},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(sound, test.old, test.now, 1)
			if broken == sound {
				t.Fatal("the test changes nothing")
			}
			_, err := Parse("f.yaml", []byte(broken))
			var at *FileError
			if !errors.As(err, &at) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestEmptyAndHugeFilesAreBroken(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"empty":            {"", "f.yaml:1: the file holds no scenario"},
		"comments alone":   {"# nothing\n", "f.yaml:1: the file holds no scenario"},
		"too large":        {strings.Repeat("# a comment\n", 100_000), "f.yaml:1: the file is larger than"},
		"too deep":         {"scenario: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "f.yaml:1: "},
		"deep policy":      {strings.Replace(sound, "given:", "given:\n  policy: {a: "+strings.Repeat("[", 60)+strings.Repeat("]", 60)+"}", 1), "f.yaml:4: more than 32 levels of nesting"},
		"a list":           {"- scenario: x\n", "f.yaml:1: a scenario: expected a mapping, got a list"},
		"too many of them": {strings.Repeat(sound+"---\n", maxScenarios+1), "f.yaml:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(test.data))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzParse: whatever a file holds, it is a scenario or a *FileError with a
// line of the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	for _, file := range projectFiles(f) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, odd := range []string{"", "a: &a [*a]", "? {a: b}\n: c", "<<: {a: 1}", "!!binary x", "scenario: >\n  a\n", "\t", "a:\n  - b\n -c", "{", "---\n---\n", "scenario: ~\nthen:\n"} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		scenarios, err := Parse("f.yaml", data)
		if err != nil {
			var at *FileError
			if !errors.As(err, &at) || at.Line < 1 || at.Line > strings.Count(string(data), "\n")+2 || at.Msg == "" {
				t.Errorf("%v", err)
			}
			return
		}
		for _, s := range scenarios {
			if s.Name == "" || !expectsAnything(s) {
				t.Errorf("a scenario without a name or expectation: %+v", s)
			}
		}
	})
}
