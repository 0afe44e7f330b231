package relayurl_test

import (
	"strings"
	"testing"

	"countersign/crypto/relayurl"
)

func TestOnlyTLSLeavesThisComputer(t *testing.T) {
	for url, allowed := range map[string]bool{
		"wss://relay.contoso.example/relay":      true,
		"wss://relay.contoso.example:8443":       true,
		"ws://127.0.0.1:8080/relay":              true,
		"ws://[::1]:8080/relay":                  true,
		"ws://localhost/relay":                   true,
		"ws://relay.contoso.example/relay":       false,
		"ws://127.0.0.1.contoso.example/":        false,
		"ws://localhost.contoso.example/":        false,
		"ws://0.0.0.0/relay":                     false,
		"https://relay.contoso.example":          false,
		"wss://user:secret@contoso.example/":     false,
		"wss://contoso.example/#fragment":        false,
		"wss:///relay":                           false,
		"wss://" + strings.Repeat("a", 600):      false,
		"relay.contoso.example":                  false,
		"":                                       false,
		"wss://contoso.example/\x7f":             false,
		"ws://contoso.example@127.0.0.1/relay":   false,
		"WSS://RELAY.CONTOSO.EXAMPLE/relay":      true,
		"ws://127.0.0.1:8080@contoso.example/":   false,
		"javascript:alert(1)//wss://a.example/b": false,
	} {
		if err := relayurl.Check(url); (err == nil) != allowed {
			t.Errorf("%q: %v, want allowed: %v", url, err, allowed)
		}
	}
}
