package model

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxDepth bounds Spin's search stack, in steps; a search that reaches it is
// not complete, and the test fails.
const maxDepth = "200000"

// verdict is what one search found.
type verdict struct {
	found  bool // the state looked for can be reached
	states string
}

var (
	errorsLine = regexp.MustCompile(`errors: (\d+)`)
	storedLine = regexp.MustCompile(`(\d+) states, stored`)
)

func TestTheDesignAdmitsNoWrongApproval(t *testing.T) {
	t.Parallel()
	v := search(t)
	if v.found {
		t.Error("Spin found a violation; run it by hand for the trail: spin -a challenge.pml && cc -o pan pan.c && ./pan && spin -p -t challenge.pml")
	}
	t.Logf("complete search of %s states", v.states)
}

func TestEveryDefenceIsNeeded(t *testing.T) {
	t.Parallel()
	mutants := map[string]string{
		"M_NOBIND":   "an answer to one challenge is taken for another",
		"M_ANYNUM":   "a number is compared with every pending challenge's",
		"M_RACE":     "check and settle are two steps, not one transaction",
		"M_RETRY":    "a wrong number leaves the challenge pending",
		"M_TRUST":    "the relay's word is taken for an approval",
		"M_VOLATILE": "a crash forgets what was settled",
		"M_CANCEL":   "a cancelled challenge can still be answered",
		"M_REVOKED":  "a revoked device's answer still counts",
		"M_NOLOCK":   "a new challenge resets the row of wrong numbers",
	}
	source, err := os.ReadFile("challenge.pml")
	if err != nil {
		t.Fatal(err)
	}
	for _, used := range regexp.MustCompile(`#ifn?def (M_\w+)`).FindAllStringSubmatch(string(source), -1) {
		if _, ok := mutants[used[1]]; !ok {
			t.Errorf("the model has a mutant %s that is not tested", used[1])
		}
	}
	for mutant, broken := range mutants {
		t.Run(mutant, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(source), "def "+mutant+"\n") {
				t.Fatalf("the model has no mutant %s", mutant)
			}
			if v := search(t, mutant); !v.found {
				t.Errorf("not caught: %s", broken)
			}
		})
	}
}

func TestGoodThingsCanHappen(t *testing.T) {
	t.Parallel()
	for probe, state := range map[string]string{
		"C_REACH":  "the user's own sign-in is approved",
		"C_LOCKED": "the account is locked",
		"C_RESID":  "the attacker is approved, by a number equal to the user's: the risk that remains",
	} {
		t.Run(probe, func(t *testing.T) {
			t.Parallel()
			if v := search(t, probe); !v.found {
				t.Errorf("cannot be reached: %s", state)
			}
		})
	}
}

// search compiles the model with the given macros and runs the search to its
// end, or to the first state that it looks for.
func search(t *testing.T, macros ...string) verdict {
	t.Helper()
	source, err := filepath.Abs("challenge.pml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"-a"}
	for _, m := range macros {
		args = append(args, "-D"+m)
	}
	run(t, dir, "spin", append(args, source)...)
	run(t, dir, "cc", "-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c")
	out := run(t, dir, filepath.Join(dir, "pan"), "-m"+maxDepth, "-w22")

	if strings.Contains(out, "max search depth too small") {
		t.Fatalf("the search is not complete at depth %s:\n%s", maxDepth, out)
	}
	count, stored := errorsLine.FindStringSubmatch(out), storedLine.FindStringSubmatch(out)
	if count == nil || stored == nil {
		t.Fatalf("no verdict in Spin's output:\n%s", out)
	}
	found := count[1] != "0"
	switch cut := strings.Contains(out, "Search not completed"); {
	case found && !strings.Contains(out, "assertion violated"):
		t.Fatalf("the model itself is broken:\n%s", out)
	case !found && cut:
		t.Fatalf("the search was cut short:\n%s", out)
	}
	return verdict{found: found, states: stored[1]}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v (on Debian: apt-get install spin gcc, or make deps)\n%s", name, err, out)
	}
	return string(out)
}
