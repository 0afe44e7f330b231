package challenge_test

import (
	"testing"
	"time"

	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/verifiertest"
)

func TestOnlyWhatIsPendingIsAskedAgain(t *testing.T) {
	f := verifiertest.New(t)
	answered, late, waiting := f.Enrolled(f.User("ann")), f.Enrolled(f.User("lou")), f.Enrolled(f.User("zoe"))
	c := f.MustStart("ann")
	if err := answered.Send(answered.Answer(c.ID, c.Number)); err != nil {
		t.Fatal(err)
	}
	f.MustStart("lou", func(r *challenge.Request) { r.TTL = 10 * time.Second })
	f.MustStart("zoe")
	f.MustStart("nobody", byName)
	f.Clock.Move(20 * time.Second)
	if err := f.Challenges.AskAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		device *verifiertest.Device
		want   int
	}{{"answered", answered, 1}, {"expired", late, 1}, {"pending", waiting, 2}} {
		asked := 0
		for _, m := range f.Post.To(test.device.Signing.Thumbprint()) {
			if _, ok := m.(message.Challenge); ok {
				asked++
			}
		}
		if asked != test.want {
			t.Errorf("%s: asked %d times, want %d", test.name, asked, test.want)
		}
	}
}
