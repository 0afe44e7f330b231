package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign/crypto/relayurl"
	"countersign/lab/scenario"
)

// scenariosCmd runs scenario files.
type scenariosCmd struct {
	Files      []string `arg:"" name:"file" help:"Scenario files (YAML)."`
	Server     string   `placeholder:"URL" help:"Drive the server at this address, instead of one of the runner's own."`
	JUnit      string   `name:"junit" type:"path" placeholder:"FILE" help:"Write the results as JUnit XML, too."`
	ClientKey  []string `placeholder:"[NAME=]KEY" sep:"none" help:"With --server: the key of the scenarios' client NAME, or of every client of kind web. Or COUNTERSIGN_CLIENT_KEY."`
	AdminToken string   `placeholder:"TOKEN" help:"With --server: an administrator's token, for scenarios that change the policy. Or COUNTERSIGN_ADMIN_TOKEN."`
	Devices    string   `type:"path" placeholder:"DIR" help:"With --server: the folder of the devices' state folders, DIR/NAME."`
}

// Run reads all files before it runs any.
func (c scenariosCmd) Run(e *env) error {
	remote, err := c.remote(e)
	if err != nil {
		return usageError{err}
	}
	all, err := c.load(e)
	if err != nil {
		return err
	}
	var told error
	begun := time.Now()
	results := scenario.Run(e.ctx, all, scenario.Options{Remote: remote, Logger: e.logger}, func(r scenario.Result) {
		told = errors.Join(told, r.WriteText(e.stdout))
	})
	if told != nil {
		return fmt.Errorf("telling the results: %w", told)
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(e.stdout, scenario.Summary(results, time.Since(begun))); err != nil {
		return fmt.Errorf("telling the results: %w", err)
	}
	if err := c.junit(results); err != nil {
		return err
	}
	failed := slices.ContainsFunc(results, func(r scenario.Result) bool { return len(r.Failures) > 0 })
	if failed || !slices.ContainsFunc(results, scenario.Result.Passed) {
		return exitStatus(1)
	}
	return nil
}

// load reads the files. Each that is broken gets its line, file and place first,
// as compilers write it and editors understand.
func (c scenariosCmd) load(e *env) ([]*scenario.Scenario, error) {
	var all []*scenario.Scenario
	broken := false
	for _, file := range c.Files {
		scenarios, err := scenario.Load(file)
		if err != nil {
			broken = true
			_, _ = fmt.Fprintln(e.stderr, strings.Join(strings.Fields(err.Error()), " "))
			continue
		}
		all = append(all, scenarios...)
	}
	if broken {
		return nil, exitStatus(2)
	}
	return all, nil
}

func (c scenariosCmd) junit(results []scenario.Result) (err error) {
	if c.JUnit == "" {
		return nil
	}
	file, err := os.Create(filepath.Clean(c.JUnit))
	if err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return scenario.WriteJUnit(file, results)
}

// remote says which server to drive, or nil for the runner's own.
func (c scenariosCmd) remote(e *env) (*scenario.Remote, error) {
	if c.Server == "" {
		if len(c.ClientKey) > 0 || c.AdminToken != "" || c.Devices != "" {
			return nil, errors.New("--client-key, --admin-token and --devices go with --server")
		}
		return nil, nil //nolint:nilnil // none is what the runner's own server needs
	}
	if err := checkServer(c.Server); err != nil {
		return nil, err
	}
	remote := &scenario.Remote{
		URL: c.Server, ClientKeys: map[string]string{"": e.getenv("COUNTERSIGN_CLIENT_KEY")},
		AdminToken: c.AdminToken, Devices: c.Devices, Passphrase: e.getenv("COUNTERSIGN_LAB_PASSPHRASE"),
	}
	if remote.AdminToken == "" {
		remote.AdminToken = e.getenv("COUNTERSIGN_ADMIN_TOKEN")
	}
	for _, given := range c.ClientKey {
		name, key, named := strings.Cut(given, "=")
		if !named {
			name, key = "", given
		}
		remote.ClientKeys[name] = key
	}
	return remote, nil
}

// checkServer refuses to send keys where others could read them: plain HTTP
// goes to loopback alone, by the rule that holds for relays.
func checkServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("--server is an address such as https://signin.example")
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.Path = "/relay"
	if relayurl.Check(u.String()) != nil {
		return errors.New("--server: plain http:// goes to loopback alone; use https://")
	}
	return nil
}
