package e2e

import (
	"fmt"
	"testing"
	"time"
)

// enrol hands the app a link, confirms, and types the number.
func enrol(t *testing.T, e *enrolment, a *app) {
	t.Helper()
	number := make(chan string, 1)
	go func() {
		for line := range e.lines {
			number <- line
		}
		close(number)
	}()
	var line string
	// The button has the focus as soon as the question is on the screen.
	eventually(t, time.Minute, "the app has come with the link", func() error {
		a.keys("Return")
		select {
		case line = <-number:
			return nil
		case <-time.After(time.Second):
			return fmt.Errorf("the server has seen no device")
		}
	})
	a.answer(member(t, line, "number"))
	select {
	case line = <-number:
	case <-time.After(time.Minute):
		t.Fatal("the enrolment does not end")
	}
	if state := member(t, line, "state"); state != "enrolled" {
		t.Fatalf("the enrolment is %s", state)
	}
	a.keys("Return") // done
	a.unprompted()
}

// other is a number that is as long and not the same.
func other(number string) string {
	last := number[len(number)-1]
	return number[:len(number)-1] + string('0'+(last-'0'+1)%10)
}

// TestSignInWithTheApp is the main job: a person signs in on a page by typing
// its number into the app; and all that can go otherwise.
func TestSignInWithTheApp(t *testing.T) {
	s := serve(t, "")
	e := s.enrolment(demoUser, "--totp")
	a := newHome(t, true).start(newScreen(t), "--enrol", e.link)
	enrol(t, e, a)
	a.unsaid()
	p := open(t, s.url, look{width: 900, height: 640})

	// Approved.
	p.signIn(demoUser, s.password)
	number := p.number()
	a.prompted()
	p.picture(picture(t, "sign-in.png"), "")
	a.settle()
	a.picture(picture(t, "prompt.png"))
	a.answer(number)
	p.shows("account").has(`[data-testid="device"]`)
	a.settle()
	a.picture(picture(t, "approved.png"))
	p.picture(picture(t, "account.png"), "")
	a.keys("Return")
	a.unprompted()

	// A wrong number.
	number = p.signOut().signIn(demoUser, s.password).number()
	a.answer(other(number))
	p.shows("wrong-number")
	a.keys("Return")
	a.unprompted()

	// No, it's not me.
	p.click("#again").shows("number")
	a.prompted()
	a.leads("the report is on the screen", "Tab", "space")
	p.shows("reported")
	a.keys("Return")
	a.unprompted()

	// A code from the app, which needs no push.
	a.write("contoso")
	a.settle()
	a.keys("Return")
	p.click("#use-code").shows("code").fill("#code", a.clipboard()).click("#submit").shows("account")
}
