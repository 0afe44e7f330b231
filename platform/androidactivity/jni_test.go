//go:build linux && !android

package androidactivity

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign/internal/javatest"
)

// TestOnADesktopJavaMachine runs the C for Android on a desktop's Java machine,
// with as much of an activity as it calls.
func TestOnADesktopJavaMachine(t *testing.T) {
	javatest.Holds(t, javatest.Program{
		C:       []string{"activity_android.c", filepath.Join("testdata", "shim.c")},
		Include: []string{filepath.Join("testdata", "include")},
		Java:    filepath.Join("testdata", "java"),
		Main:    "ActivityTest",
	})
}

// manifest is as much of AndroidManifest.xml as is tested.
type manifest struct {
	Permissions []attributes `xml:"uses-permission"`
	Application struct {
		AllowBackup string `xml:"allowBackup,attr"`
		Debuggable  string `xml:"debuggable,attr"`
		Activity    struct {
			LaunchMode string       `xml:"launchMode,attr"`
			Meta       []attributes `xml:"meta-data"`
			Filters    []struct {
				Actions    []attributes `xml:"action"`
				Categories []attributes `xml:"category"`
				Data       []attributes `xml:"data"`
			} `xml:"intent-filter"`
		} `xml:"activity"`
	} `xml:"application"`
}

type attributes struct {
	Name   string `xml:"name,attr"`
	Value  string `xml:"value,attr"`
	Scheme string `xml:"scheme,attr"`
}

// TestManifest holds the manifest to what the code counts on.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../AndroidManifest.xml")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	var permissions, schemes []string
	for _, p := range m.Permissions {
		permissions = append(permissions, strings.TrimPrefix(p.Name, "android.permission."))
	}
	if want := []string{"INTERNET", "POST_NOTIFICATIONS"}; !slices.Equal(permissions, want) {
		t.Errorf("permissions %q, want %q alone", permissions, want)
	}
	if m.Application.AllowBackup != "false" || m.Application.Debuggable != "false" {
		t.Error("keys could leave the device: backup or debugging is allowed")
	}
	a := m.Application.Activity
	if a.LaunchMode != "singleTask" {
		t.Errorf("launch mode %q: a later link would come to another activity", a.LaunchMode)
	}
	entry := func(m attributes) bool {
		return m.Name == "android.app.func_name" && m.Value == "countersign_onCreate"
	}
	if !slices.ContainsFunc(a.Meta, entry) {
		t.Error("the activity does not begin with our entry: the window would not be secure")
	}
	for _, f := range a.Filters {
		if len(f.Data) == 0 {
			continue
		}
		if len(f.Data) != 1 || len(f.Actions) != 1 || f.Actions[0].Name != "android.intent.action.VIEW" || len(f.Categories) != 2 {
			t.Errorf("a filter is not that of a link: %+v", f)
		}
		schemes = append(schemes, f.Data[0].Scheme)
	}
	if want := []string{"countersign", "otpauth", "otpauth-migration"}; !slices.Equal(schemes, want) {
		t.Errorf("links of %q, want %q", schemes, want)
	}
}
