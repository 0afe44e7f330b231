package membership_test

import (
	"errors"
	"strings"
	"testing"

	"countersign/verifier/directory/membership"
)

// zoe is who the rules are tried on.
func zoe(name string) (string, bool) {
	value, ok := map[string]string{
		"department": "Sales", "country": "SE", "jobtitle": "Chief Sales Officer",
		"accountenabled": "true", "city": "", "mail": `zoe"q@contoso.example`, "extensionattribute1": "straße ΣΑΣ",
	}[name]
	return value, ok
}

func TestRules(t *testing.T) {
	for rule, want := range map[string]bool{
		`user.department -eq "Sales"`:                true,
		`user.department -eq "sales"`:                true,
		`USER.Department -EQ 'SALES'`:                true,
		`(user.department -eq "Sales")`:              true,
		`((user.department -eq "Marketing"))`:        false,
		`user.department -ne "Sales"`:                false,
		`user.department -ne "Marketing"`:            true,
		`user.unknown -ne "Marketing"`:               true,
		`user.jobTitle -startsWith "chief"`:          true,
		`user.jobTitle -notStartsWith "chief"`:       false,
		`user.jobTitle -contains "SALES"`:            true,
		`user.jobTitle -notContains "sales"`:         false,
		`user.unknown -contains ""`:                  false,
		`user.jobTitle -match "^chief .* officer$"`:  true,
		`user.jobTitle -match "^Chief$"`:             false,
		`user.jobTitle -notMatch "\\d"`:              true,
		`user.country -in ["TH","SE"]`:               true,
		`user.country -in ["TH"]`:                    false,
		`user.country -notIn ["TH", 'NO']`:           true,
		`user.accountEnabled -eq true`:               true,
		`user.accountEnabled -eq False`:              false,
		`user.unknown -eq null`:                      true,
		`user.unknown -eq $null`:                     true,
		`user.city -eq null`:                         true,
		`user.city -eq ""`:                           true,
		`user.unknown -eq ""`:                        false,
		`user.department -eq null`:                   false,
		`user.department -ne null`:                   true,
		"user.mail -eq \"zoe`\"q@contoso.example\"":  true,
		`user.mail -eq 'zoe"q@contoso.example'`:      true,
		`user.extensionAttribute1 -eq "STRASSE σας"`: false, // ß is one letter, folded or not
		`user.extensionAttribute1 -eq "STRAßE σας"`:  true,

		// -not binds closer than -and, -and closer than -or.
		`user.department -eq "x" -and user.country -eq "SE" -or user.country -eq "SE"`:   true,
		`user.country -eq "SE" -or user.country -eq "SE" -and user.department -eq "x"`:   true,
		`(user.country -eq "SE" -or user.country -eq "SE") -and user.department -eq "x"`: false,
		`-not user.department -eq "x" -and user.country -eq "SE"`:                        true,
		`-not (user.department -eq "x" -or user.country -eq "SE")`:                       false,
		`not user.country -eq "TH" and user.country -eq "SE" or user.country -eq "NO"`:   true,
		`-not -not user.country -eq "SE"`:                                                true,
		"user.country\n\t-eq \"SE\"\r\n-and user.department -eq \"Sales\"":               true,
	} {
		r, err := membership.Parse(rule)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		if got := r.Match(zoe); got != want {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
		if r.String() != rule {
			t.Errorf("%s reads back as %s", rule, r)
		}
	}
	if (membership.Rule{}).Match(zoe) {
		t.Error("the rule that is none matches")
	}
}

func TestBadRulesAreRefusedWithTheirPlace(t *testing.T) {
	for rule, want := range map[string]struct {
		column int
		reason string
	}{
		``:                                                  {1, "the end of the rule is not expected here; a property such as user.department is"},
		`user.department`:                                   {16, "an operator such as -eq"},
		`user.department -eq`:                               {20, "a string, true, false or null"},
		`user.department eq "Sales"`:                        {17, "an operator such as -eq"},
		`user.department -like "S"`:                         {17, `"-like" is not expected here`},
		`user.department -notEq "S"`:                        {17, `"-notEq" is not expected here`},
		`department -eq "Sales"`:                            {1, "a property such as user.department"},
		`user. -eq "Sales"`:                                 {1, "a property"},
		`device.department -eq "Sales"`:                     {1, "a property"},
		`user.department -eq Sales`:                         {21, `"Sales" is not expected here`},
		`user.department -eq "Sales`:                        {21, "this string has no end"},
		"user.department -eq \"Sales`\"":                    {21, "this string has no end"},
		`user.ö -eq "Sales"`:                                {1, "a property"},
		`user.é -eq "Sales"`:                                {1, "a property"},
		`user.a -eq "ö" extra`:                              {16, "-and, -or or the end"},
		`user.a -eq "ö" -and`:                               {20, "a property"},
		`(user.a -eq "b"`:                                   {16, "-and, -or or )"},
		`user.a -eq "b")`:                                   {15, "-and, -or or the end"},
		`user.a -in "b"`:                                    {12, "a list"},
		`user.a -in []`:                                     {13, "a string"},
		`user.a -in ["b" "c"]`:                              {17, ", or ]"},
		`user.a -in ["b",]`:                                 {17, "a string"},
		`user.a -in ["b"`:                                   {16, ", or ]"},
		`user.a -contains null`:                             {18, "a string"},
		`user.a -match "("`:                                 {15, "not a regular expression"},
		`user.a -eq "b" && user.c -eq "d"`:                  {16, `'&' is not expected here`},
		strings.Repeat("(", 40):                             {34, "nested more than 32 deep"},
		strings.Repeat("-not ", 40):                         {166, "nested more than 32 deep"},
		strings.Repeat("x", 3073):                           {1, "longer than 3072 bytes"},
		"user.a -eq \"\xff\"":                               {1, "not UTF-8"},
		`user.a -in [` + strings.Repeat(`"",`, 300) + `""]`: {12 + 256*3, "at most 256"},
	} {
		_, err := membership.Parse(rule)
		var syntax *membership.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40s: %v", rule, err)
			continue
		}
		if syntax.Column != want.column || !strings.Contains(syntax.Reason.String(), want.reason) {
			t.Errorf("%.40s: got %v; want column %d: %s", rule, err, want.column, want.reason)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`user.department -eq "Sales" -and (user.country -in ["SE","TH"] -or -not (user.jobTitle -startsWith "Chief"))`,
		`user.a -match "(a+)+$"`, "user.a -ne 'x`'y'", `user.a -eq null or not user.b -notIn [true]`, `((`, `user.a -in [`,
	} {
		f.Add(seed, "Sales")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		property := func(string) (string, bool) { return value, value != "" }
		r, err := membership.Parse(text)
		if err != nil {
			var syntax *membership.SyntaxError
			if !errors.As(err, &syntax) || syntax.Column < 1 || syntax.Column > len(text)+1 {
				t.Fatalf("the error has no place: %v", err)
			}
			if r.Match(property) {
				t.Fatal("a rule that was refused matches")
			}
			return
		}
		// The negation of a rule is a rule, and matches whoever the rule does not.
		negated, err := membership.Parse("-not (" + text + ")")
		if err != nil {
			if len(text) > membership.MaxRule-7 || strings.Contains(err.Error(), "nested") {
				return
			}
			t.Fatalf("the negation is refused: %v", err)
		}
		if r.Match(property) == negated.Match(property) {
			t.Fatal("a rule and its negation agree")
		}
	})
}
