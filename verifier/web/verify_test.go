package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/verifier/directory"
)

// The portal asks for a new approval where the last one is too old for it.
func TestApprovingAgainLeadsToThePortal(t *testing.T) {
	s := newSite(t)
	device := s.Device(s.User(directory.User{Name: "ada", Admin: true}))
	s.signIn("ada", device)
	if p := s.post("/account/verify"); p.path != "/admin" {
		t.Errorf("a fresh approval leads to %s", p.path)
	}
	s.Clock.Move(20 * time.Minute)
	number := s.post("/account/verify").want(http.StatusOK, "number").number()
	s.Approve(device, number)
	if p := s.get("/challenge"); !strings.HasPrefix(p.path, "/admin") {
		t.Errorf("the approval leads to %s", p.path)
	}
	s.newBrowser()
	s.post("/account/verify").want(http.StatusForbidden, "session-ended")
}
