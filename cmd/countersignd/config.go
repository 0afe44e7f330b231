package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"countersign/verifier/challenge"
	"countersign/verifier/policy"
	"countersign/verifier/radius"
	"countersign/verifier/tenant"
)

// config is the file given by --config: YAML, strictly decoded. What it leaves
// out keeps its default, or is the administrators' to change.
type config struct {
	Organisation struct {
		Name   *string `yaml:"name"`
		Domain *string `yaml:"domain"`
	} `yaml:"organisation"`
	Limits struct {
		Starts5m     *int        `yaml:"starts_5m"`
		Starts1h     *int        `yaml:"starts_1h"`
		Starts1d     *int        `yaml:"starts_1d"`
		Backoff      *[]duration `yaml:"backoff"` // empty means none
		WrongNumbers *int        `yaml:"wrong_numbers"`
		WrongCodes   *int        `yaml:"wrong_codes"`
		ReportBlock  *duration   `yaml:"report_block"`
	} `yaml:"limits"`
	Policy struct {
		AllowApproveDeny            *bool           `yaml:"allow_approve_deny"`
		NumberDigits                *int            `yaml:"number_digits"`
		Rollout                     *policy.Rollout `yaml:"rollout"`
		LegacyMobileAppNotification *bool           `yaml:"legacy_mobile_app_notification"`
		PasswordEnrolment           *bool           `yaml:"password_enrolment"`
	} `yaml:"policy"`
	RADIUS radius.Settings `yaml:"radius"`
}

// duration is written as Go's durations are (90s, 5m), or as whole seconds.
type duration time.Duration

func (d *duration) UnmarshalYAML(raw []byte) error {
	var seconds int64
	if err := yaml.Unmarshal(raw, &seconds); err == nil {
		*d = duration(time.Duration(seconds) * time.Second)
		return d.check()
	}
	var text string
	if err := yaml.Unmarshal(raw, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no duration such as 90s or 5m", text)
	}
	*d = duration(parsed)
	return d.check()
}

func (d *duration) check() error {
	if *d < 0 || time.Duration(*d) > 366*24*time.Hour {
		return errors.New("a duration is between 0 and a year")
	}
	return nil
}

// readConfig reads the file; an empty path gives the defaults.
func readConfig(path string) (config, error) {
	if path == "" {
		return config{}, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := parseConfig(raw)
	if err != nil {
		return c, usagef("configuration %s: %w", path, err)
	}
	return c, nil
}

// parseConfig reads one YAML document, strictly, and checks what it says.
func parseConfig(raw []byte) (config, error) {
	var c config
	documents := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict())
	if err := documents.Decode(&c); err != nil && !errors.Is(err, io.EOF) { // io.EOF: an empty file, all defaults
		line, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n") // the rest draws the place
		return c, errors.New(line)
	}
	// A second document would be settings that nobody reads.
	if err := documents.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, errors.New("holds more than one YAML document; leave out what follows the second ---")
	}
	if _, err := c.limits(); err != nil {
		return c, err
	}
	if err := c.overrides().Check(); err != nil {
		return c, fmt.Errorf("policy: %w", err)
	}
	return c, c.RADIUS.Check()
}

func (c config) limits() (challenge.Limits, error) {
	l := challenge.DefaultLimits()
	for _, n := range []struct {
		name string
		from *int
		to   *int
		most int
	}{
		{"starts_5m", c.Limits.Starts5m, &l.Starts5m, 1 << 20},
		{"starts_1h", c.Limits.Starts1h, &l.Starts1h, 1 << 20},
		{"starts_1d", c.Limits.Starts1d, &l.Starts1d, 1 << 20},
		// NIST SP 800-63B-4 §3.2.2: no more than 100 consecutive failures.
		{"wrong_numbers", c.Limits.WrongNumbers, &l.WrongNumbers, 100},
		{"wrong_codes", c.Limits.WrongCodes, &l.WrongCodes, 100},
	} {
		if n.from == nil {
			continue
		}
		if *n.from < 1 || *n.from > n.most {
			return l, fmt.Errorf("limits.%s is a number from 1 to %d", n.name, n.most)
		}
		*n.to = *n.from
	}
	if c.Limits.Backoff != nil {
		l.Backoff = nil
		for _, d := range *c.Limits.Backoff {
			l.Backoff = append(l.Backoff, time.Duration(d))
		}
	}
	if c.Limits.ReportBlock != nil {
		l.ReportBlock = time.Duration(*c.Limits.ReportBlock)
	}
	return l, nil
}

func (c config) overrides() tenant.Overrides {
	return tenant.Overrides{
		Name: c.Organisation.Name, Domain: c.Organisation.Domain, Rollout: c.Policy.Rollout,
		AllowApproveDeny: c.Policy.AllowApproveDeny, NumberDigits: c.Policy.NumberDigits,
		LegacyMobileAppNotification: c.Policy.LegacyMobileAppNotification, PasswordEnrolment: c.Policy.PasswordEnrolment,
	}
}
