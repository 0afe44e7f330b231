//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/tools/bench/window"
)

// measureApp measures the app in a window.
func measureApp(ctx context.Context, print func(figure) error) (err error) {
	b, err := window.New(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	f, err := b.Measure(ctx)
	if err != nil {
		return err
	}
	where := fmt.Sprintf("in Xvfb with software OpenGL, keyring unlocked; medians of %d starts in turns", f.Rounds)
	drawn := "from exec until %s is on the screen, looked at every millisecond, " + where
	resident := "resident set 3 s after the first frame, shared libraries included, " + where
	limit := "; limit: an empty window of the same toolkit"
	many := fmt.Sprintf("_%d_accounts", f.Accounts)
	at := float64(f.While) / float64(time.Second)
	plain := "; limit: the same with a plain list of as many labels in the same toolkit"
	for _, line := range []figure{
		{Name: "app_first_frame", Value: ms(f.App.Shown), Unit: "ms", Limit: ms(f.Empty.First), Aim: "ratio at most 1.3", Method: fmt.Sprintf(drawn, "the first page, whole,") + limit},
		{Name: "app_first_frame" + many, Value: ms(f.Many.First), Unit: "ms", Limit: ms(f.Empty.First), Aim: "ratio at most 1.3", Method: fmt.Sprintf(drawn, "anything: the codes, or where the keyring takes longer than that a page that says so,") + limit},
		{Name: "app_codes_shown" + many, Value: ms(f.Many.Shown), Unit: "ms", Limit: ms(f.Empty.First), Method: fmt.Sprintf(drawn, "a code, all secrets having been read from gnome-keyring,") + limit},
		{Name: "app_resident", Value: f.App.Resident, Unit: "octets", Limit: f.Empty.Resident, Aim: "ratio at most 1.3", Method: resident + limit},
		{Name: "app_resident" + many, Value: f.Many.Resident, Unit: "octets", Limit: f.Empty.Resident, Aim: "ratio at most 1.3", Method: resident + limit},
		{Name: "app_processor_shown", Value: ms(f.Idle), Unit: "ms", Method: fmt.Sprintf("utime and stime of %.0f s with codes and their countdown on the screen, nobody touching it", at)},
		{Name: "app_processor_unmapped", Value: ms(f.Covered), Unit: "ms", Limit: ms(f.CoveredLimit), Aim: "none beyond the limit", Method: fmt.Sprintf("utime and stime of %.0f s with the window unmapped, as when it is minimised", at) + limit},
		{Name: "app_scroll" + many, Value: ms(f.Touch.Between), Unit: "ms", Limit: ms(f.TouchLimit.Between), Method: fmt.Sprintf("95th percentile of the time from a frame to the next while the wheel turns a hundred notches a second for %v, frames told by X's DAMAGE; %d frames, the limit's %d", f.Wheel, f.Touch.Frames, f.TouchLimit.Frames) + plain},
		{Name: "app_search" + many, Value: ms(f.Touch.Search), Unit: "ms", Limit: ms(f.TouchLimit.Search), Method: "median from a key pressed (XTEST) in the search until the list that it leaves is on the screen, one of a thousand and nineteen of them in turns, looked at every millisecond" + plain},
	} {
		if err := print(line); err != nil {
			return err
		}
	}
	return nil
}
