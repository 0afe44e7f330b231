package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"countersignd": main,
	})
}

// TestScripts runs the program as its users do; see testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// The program writes where it is told, and nowhere else.
			return os.MkdirAll(e.WorkDir, 0o700)
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
