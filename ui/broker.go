package ui

import (
	"context"
	"image/color"

	"fyne.io/fyne/v2"

	"countersign/app"
	"countersign/ui/design"
	"countersign/ui/kit"
)

// platformIOS is the one platform whose apps can host a sign-in for others.
const platformIOS = "ios"

// brokerView is a sign-in on this device: its screen shows the number, and the
// request appears over it after two seconds. When, and when it uncovers the
// number again, the core decides; this draws it.
type brokerView struct {
	u      *UI
	broker Broker
	stop   context.CancelFunc
	typed  string // what stands in the request's field while it is away
	names  args   // of the organisation, for the words of the end
}

// openBroker asks for the password of a sign-in on this device.
func (u *UI) openBroker(a app.Account) {
	u.pushForm(func() fyne.CanvasObject {
		password := kit.NewField(u.style, u.T("broker.password"), "", true)
		var start *kit.Button
		submit := func() {
			start.Disable()
			password.SetError("")
			text := password.Entry.Text
			var b Broker
			u.task(func(ctx context.Context) (err error) {
				b, err = u.core.SignIn(ctx, a.ID, text)
				return err
			}, func(err error) {
				start.Enable()
				if err != nil {
					password.SetError(u.explain(err))
					u.rewrapped()
					return
				}
				u.follow(b, a.Push.Organisation)
			})
		}
		password.Entry.OnSubmitted = func(string) { submit() }
		start = kit.NewButton(u.style, kit.Primary, u.T("broker.sign_in"), "", submit)
		u.focusLater(password.Entry)
		content := []fyne.CanvasObject{}
		if u.cfg.Simulated {
			content = append(content, u.simulatedNote())
		}
		content = append(content,
			u.group(u.fact("building", u.T("enrol.organisation"), a.Push.Organisation), u.fact("user", u.T("details.user"), a.Push.User)),
			kit.NewCard(u.style, password), start)
		return u.framed(u.T("broker.start"), content...)
	})
}

// follow shows the sign-in until it has ended.
func (u *UI) follow(b Broker, organisation string) {
	ctx, stop := context.WithCancel(u.ctx)
	v := &brokerView{u: u, broker: b, stop: stop, names: args{"organisation": organisation}}
	u.broker = v
	u.pages = []*page{{build: v.screen, secret: true}}
	u.rebuild()
	u.cfg.Spawn(func() {
		_, _ = b.Run(ctx, func() { u.do(v.changed) }) // State has its result
		stop()
		u.do(v.changed)
	})
}

// screen is the sign-in screen with the number.
func (v *brokerView) screen() fyne.CanvasObject {
	u, s := v.u, v.broker.State()
	centred := func(points float32, bold bool, colour color.NRGBA, text string) fyne.CanvasObject {
		return kit.NewText(u.style, kit.Look{Points: points, Bold: bold, Colour: colour, Align: fyne.TextAlignCenter}, text)
	}
	if s.Done {
		key := u.outcomeKey(s.Result, false)
		done := kit.NewButton(u.style, kit.Primary, u.T("action.done"), "", v.leave)
		u.focusLater(done)
		return u.framed(u.T("broker.start"), kit.Space(1, design.S4),
			centred(design.Heading, true, u.style.Ink, u.F(key+".title", v.names)), centred(design.Body, false, u.style.Muted, u.F(key+".text", v.names)+u.unknownReason(s.Result, false)),
			done)
	}
	return u.framed(u.T("broker.start"), kit.Space(1, design.S4),
		centred(design.Body, false, u.style.Muted, u.T("broker.number")),
		centred(design.Display+20, true, u.style.Accent, s.Number),
		centred(design.Body, false, u.style.Muted, u.T("broker.wait")),
		kit.NewButton(u.style, kit.Quiet, u.T("action.cancel"), "", v.leave))
}

// changed draws what the core says now: the request over the number, or not.
func (v *brokerView) changed() {
	if v.u.broker != v {
		return
	}
	if v.broker.State().Done {
		v.u.closePrompt()
		v.u.rebuild()
	}
	v.u.syncPrompt()
}

// leave ends the sign-in and its screen.
func (v *brokerView) leave() {
	v.stop()
	v.u.broker = nil
	v.u.closePrompt()
	v.u.home()
	v.u.syncPrompt()
}

// sync shows or takes away the request.
func (v *brokerView) sync() {
	u, s := v.u, v.broker.State()
	switch {
	case s.Done || s.Prompt == nil || !s.Covered:
		if u.prompt != nil && u.prompt.broker == v {
			if u.prompt.number != nil {
				v.typed = u.prompt.number.Number()
			}
			u.closePrompt()
		}
	case u.prompt == nil:
		p := &promptView{u: u, prompt: *s.Prompt, whole: s.Prompt.Expires.Sub(s.Prompt.Received), broker: v, typed: v.typed}
		u.prompt = p
		p.build()
	default:
		u.prompt.update(*s.Prompt, 0)
	}
}
