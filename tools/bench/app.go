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
	first := "from exec until the window's corner is drawn, looked at every millisecond, " + where
	resident := "resident set 3 s after the first frame, shared libraries included, " + where
	limit := "; limit: an empty window of the same toolkit"
	many := fmt.Sprintf("_%d_accounts", f.Accounts)
	at := float64(f.While) / float64(time.Second)
	for _, line := range []figure{
		{Name: "app_first_frame", Value: ms(f.App.First), Unit: "ms", Limit: ms(f.Empty.First), Aim: "ratio at most 1.3", Method: first + limit},
		{Name: "app_first_frame" + many, Value: ms(f.Many.First), Unit: "ms", Limit: ms(f.Empty.First), Method: first + limit},
		{Name: "app_resident", Value: f.App.Resident, Unit: "octets", Limit: f.Empty.Resident, Aim: "ratio at most 1.3", Method: resident + limit},
		{Name: "app_resident" + many, Value: f.Many.Resident, Unit: "octets", Limit: f.Empty.Resident, Method: resident + limit},
		{Name: "app_processor_shown", Value: ms(f.Idle), Unit: "ms", Method: fmt.Sprintf("utime and stime of %.0f s with codes and their countdown on the screen, nobody touching it", at)},
		{Name: "app_processor_unmapped", Value: ms(f.Covered), Unit: "ms", Aim: "none", Method: fmt.Sprintf("utime and stime of %.0f s with the window unmapped; an empty window used %.0f ms", at, ms(f.CoveredLimit))},
	} {
		if err := print(line); err != nil {
			return err
		}
	}
	return nil
}
