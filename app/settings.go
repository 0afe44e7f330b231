package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// What a setting can be.
const (
	ThemeSystem = "system"
	ThemeLight  = "light"
	ThemeDark   = "dark"

	RevealAlways = "always"
	RevealTap    = "tap"

	LayoutAuto    = "auto"
	LayoutPhone   = "phone"
	LayoutDesktop = "desktop"

	OrderManual = "manual"
	OrderName   = "name"
	OrderUse    = "use" // the most used first
)

// Settings are the user's choices. None of them is secret.
type Settings struct {
	Language         string  `json:"language"` // "" is the system's; else en, sv, th
	Theme            string  `json:"theme"`
	Layout           string  `json:"layout"`
	TextScale        float64 `json:"text_scale"`        // 0.8 to 2
	Reveal           string  `json:"reveal"`            // codes shown always, or when tapped
	ShowNext         bool    `json:"show_next"`         // the next code too
	ClipboardSeconds int     `json:"clipboard_seconds"` // until a copied code is cleared; 0 is never
	Order            string  `json:"order"`
	LockMinutes      int     `json:"lock_minutes"`  // idle time until the app locks itself; 0 is never
	Raise            bool    `json:"raise"`         // bring the window up for a prompt
	Notify           bool    `json:"notify"`        // tell the operating system of a prompt
	BackupFolder     string  `json:"backup_folder"` // where automatic backups go; set by SetBackup, "" is none
	BackupKeep       int     `json:"backup_keep"`   // versions to keep
}

// DefaultSettings are the choices before any are made.
func DefaultSettings() Settings {
	return Settings{
		Theme: ThemeSystem, Layout: LayoutAuto, TextScale: 1, Reveal: RevealAlways,
		ClipboardSeconds: 30, Order: OrderManual, LockMinutes: 5, Raise: true, Notify: true, BackupKeep: 10,
	}
}

// ErrSettings is wrapped by every refusal of a setting.
var ErrSettings = errors.New("settings")

// Validate names the first setting that is none.
func (s Settings) Validate() error {
	refuse := func(why string) error { return fmt.Errorf("%w: %s", ErrSettings, why) }
	switch {
	case !slices.Contains([]string{"", "en", "sv", "th"}, s.Language):
		return refuse("language must be en, sv or th")
	case !slices.Contains([]string{ThemeSystem, ThemeLight, ThemeDark}, s.Theme):
		return refuse("theme must be system, light or dark")
	case !slices.Contains([]string{LayoutAuto, LayoutPhone, LayoutDesktop}, s.Layout):
		return refuse("layout must be auto, phone or desktop")
	case s.TextScale < 0.8 || s.TextScale > 2 || s.TextScale != s.TextScale:
		return refuse("text scale must be from 0.8 to 2")
	case s.Reveal != RevealAlways && s.Reveal != RevealTap:
		return refuse("reveal must be always or tap")
	case s.ClipboardSeconds < 0 || s.ClipboardSeconds > 3600:
		return refuse("the clipboard's time must be from 0 to 3600 seconds")
	case !slices.Contains([]string{OrderManual, OrderName, OrderUse}, s.Order):
		return refuse("order must be manual, name or use")
	case s.LockMinutes < 0 || s.LockMinutes > 24*60:
		return refuse("the lock's idle time must be from 0 to 1440 minutes")
	case len(s.BackupFolder) > 4096:
		return refuse("the backup's folder is too long")
	case s.BackupKeep < 1 || s.BackupKeep > 1000:
		return refuse("the number of backups to keep must be from 1 to 1000")
	}
	return nil
}

const settingsFile = "settings.json"

// Settings are the present choices.
func (a *App) Settings() Settings {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.settings
}

// UpdateSettings changes the settings and stores them; a refused change changes
// nothing.
func (a *App) UpdateSettings(ctx context.Context, change func(*Settings)) error {
	a.write.Lock()
	defer a.write.Unlock()
	s := a.Settings()
	change(&s)
	if err := s.Validate(); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing the settings: %w", err)
	}
	if err := a.cfg.Store.Write(ctx, settingsFile, data); err != nil {
		return fmt.Errorf("storing the settings: %w", err)
	}
	a.mu.Lock()
	a.settings = s
	a.mu.Unlock()
	a.wake()
	a.emit(SettingsChanged, "")
	return nil
}

// loadSettings reads the settings. A file of a newer version, or a damaged one,
// costs the user some choices and no more, so it is logged and the defaults
// stand.
func (a *App) loadSettings(ctx context.Context) error {
	data, err := a.cfg.Store.Read(ctx, settingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the settings: %w", err)
	}
	s := DefaultSettings()
	err = json.Unmarshal(data, &s, json.RejectUnknownMembers(true))
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		a.log.WarnContext(ctx, "settings not readable, defaults stand", slogError(err))
		return nil
	}
	a.settings = s
	return nil
}

// idleLimit is after how long without the user the app locks itself.
func (s Settings) idleLimit() time.Duration { return time.Duration(s.LockMinutes) * time.Minute }
