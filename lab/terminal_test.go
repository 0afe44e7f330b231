package lab_test

import (
	"testing"

	"countersign/app"
	"countersign/lab"
	"countersign/message"
)

func TestARefusalIsShownWithItsReason(t *testing.T) {
	for reason, want := range map[string]string{
		message.ReasonUser:            "Denied.",
		"":                            "Denied.",
		message.ReasonUpgradeRequired: "Denied: this version of the app is too old. Update the app.",
		"a_reason_of_tomorrow":        "Denied: a_reason_of_tomorrow.",
	} {
		if got := lab.Outcome(app.Result{State: message.StateDenied, Reason: reason}); got != want {
			t.Errorf("%s: %s", reason, got)
		}
	}
}
