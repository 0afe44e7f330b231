// Command countersign is the authenticator: codes, and sign-ins that are
// approved by typing the number that the sign-in screen shows.
//
// This folder holds what ties the parts together: the command line, where data
// lies, and the platform around package ui.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/lang"
	"github.com/alecthomas/kong"

	"countersign/app"
	"countersign/assets/translations"
	"countersign/message"
	"countersign/platform/minimised"
	"countersign/ui"
	"countersign/ui/i18n"
)

// appID names the app to the system (keep it as in FyneApp.toml).
const appID = "org.countersign.app"

// flags are the command line.
type flags struct {
	Links    []string `arg:"" optional:"" name:"link" help:"A countersign:// or otpauth:// link to open."`
	Enrol    string   `placeholder:"LINK" help:"Enrol with this link; the app asks first."`
	Layout   string   `enum:"auto,phone,desktop" default:"auto" help:"Layout: auto, phone or desktop."`
	Platform string   `enum:",ios,android,windows,macos,linux" default:"" help:"Say that this is another platform, to try it (ios: the same-device flow)."`
	Data     string   `placeholder:"DIR" type:"path" help:"Folder for what is not secret (default: the user's configuration folder)."`
	Open     string   `name:"open-links" placeholder:"yes|no" enum:",yes,no" default:"" help:"Windows: let this program open the links of your browser, or no longer."`
	Verbose  bool     `help:"Write what happens to standard error."`
	Version  bool     `help:"Print the version."`
}

// Android starts a program without arguments, not even its name.
func main() { os.Exit(run(os.Args[min(1, len(os.Args)):], os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments. Exit status: 0, 1 where
// something failed, 2 for usage.
func run(args []string, stdout, stderr io.Writer) int {
	var f flags
	exited := -1
	parser, err := kong.New(&f, kong.Name("countersign"), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.Description("An authenticator: codes, and sign-ins approved by number."))
	if err != nil {
		fmt.Fprintln(stderr, "countersign:", err)
		return 1
	}
	_, err = parser.Parse(args)
	switch {
	case exited >= 0: // --help
		return exited
	case err != nil:
		fmt.Fprintln(stderr, "countersign:", err)
		return 2
	case f.Version:
		fmt.Fprintln(stdout, "countersign", app.Version)
		return 0
	}
	keepPrivate()
	if f.Open != "" {
		err = openLinks(f.Open == "yes")
	} else {
		err = start(f, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "countersign:", err)
		return 1
	}
	return 0
}

// start runs the app until its window is closed.
func start(f flags, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	level := slog.LevelError
	if f.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	data, err := dataFolder(f.Data)
	if err != nil {
		return err
	}
	links := f.Links
	if f.Enrol != "" {
		links = append(links, f.Enrol)
	}
	only, err := claim(ctx, data, links)
	if errors.Is(err, errElsewhere) {
		return nil // the running app has the links, and its window is up
	}
	if err != nil {
		return err
	}
	defer only.close()
	if err := haveDisplay(); err != nil {
		return err
	}
	desktop := &ui.Desktop{}
	boot := &boot{data: data, service: service(f.Data, data), log: log, desktop: desktop, device: device(f.Platform)}
	boot.ahead(ctx)
	catalogue, err := i18n.Load(translations.Files())
	if err != nil {
		return err
	}
	fyneApp := fyneapp.NewWithID(appID)
	screens := ui.New(ctx, ui.Config{
		App: fyneApp, Catalogue: catalogue, Boot: boot, Logger: log, Now: time.Now,
		Locale: lang.SystemLocale().String(), Layout: layout(f.Layout),
		Platform: boot.device.Platform, Simulated: f.Platform != "" && f.Platform != platform(),
		Links: links, Arrivals: arrivals(log), DeviceName: deviceName(), Capture: capture(), ClipboardImage: clipboardImage(), TrayPresent: trayPresent,
		Minimised: func(ctx context.Context, window uintptr, told func(bool)) { minimised.Watch(ctx, log, window, told) },
	})
	desktop.Attach(screens)
	open := func(links []string) { fyne.Do(func() { screens.Open(links) }) }
	only.serve(open)
	if err := hearLinks(open); err != nil {
		log.Error("links that are opened elsewhere will not come", slog.String("error", err.Error()))
	}
	context.AfterFunc(ctx, func() { fyne.Do(fyneApp.Quit) })
	screens.Start()
	screens.Run()
	stop()
	boot.wait()
	return nil
}

func layout(flag string) string {
	if flag == app.LayoutAuto {
		return ""
	}
	return flag
}

// dataFolder makes the folder of what is not secret. It is the user's alone all
// the same: it tells where they have accounts.
func dataFolder(given string) (string, error) {
	if given == "" {
		config, err := configFolder()
		if err != nil {
			return "", fmt.Errorf("finding the configuration folder (or give --data): %w", err)
		}
		given = filepath.Join(config, "countersign")
	}
	if err := os.MkdirAll(given, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w", err)
	}
	return given, nil
}

// service names the items of a data folder in the keyring: two folders must not
// take each other's for their own.
func service(given, data string) string {
	if given == "" {
		return "countersign"
	}
	if absolute, err := filepath.Abs(data); err == nil {
		data = absolute
	}
	sum := sha256.Sum256([]byte(data))
	return "countersign-" + hex.EncodeToString(sum[:8])
}

// platform is what the app runs on, in the protocol's words.
func platform() string {
	switch runtime.GOOS {
	case "darwin":
		return message.PlatformMacOS
	case "windows", "android", "ios":
		return runtime.GOOS
	}
	return message.PlatformLinux
}

func device(simulated string) message.About {
	d := message.About{Platform: platform(), FormFactor: message.FormDesktop, AppVersion: app.Version}
	if simulated != "" {
		d.Platform = simulated
	}
	if d.Platform == message.PlatformIOS || d.Platform == message.PlatformAndroid {
		d.FormFactor = message.FormPhone
	}
	return d
}

func deviceName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// haveDisplay refuses in words what the window library refuses with a panic.
func haveDisplay() error {
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return errors.New("there is no display; for a terminal, use countersign-lab device run")
	}
	return nil
}
