package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"countersign/verifier/events"
	"countersign/verifier/radius"
)

// radiusFront is the RADIUS front end on its open socket.
type radiusFront struct {
	server *radius.Server
	conn   net.PacketConn
	events *events.Log
}

// openRADIUS opens the front end that --radius asks for; nil where it asks for
// none.
func (s *server) openRADIUS(ctx context.Context, settings radius.Settings) (*radiusFront, error) {
	if s.flags.RADIUS == "" {
		return nil, nil //nolint:nilnil // no front end is no error
	}
	if _, _, err := net.SplitHostPort(s.flags.RADIUS); err != nil {
		return nil, usagef("--radius %s: not an address such as 127.0.0.1:1812", s.flags.RADIUS)
	}
	log, err := events.Open(filepath.Join(s.flags.Data, "events.ndjson"))
	if err != nil {
		return nil, err
	}
	f := &radiusFront{events: log}
	v := s.verifier
	f.server, err = radius.New(radius.Config{
		Store: v.Store, Directory: v.Directory, Challenges: v.Challenges, Rules: v.Rules, Audit: v.Audit, Events: log,
		Settings: settings, Now: time.Now, Logger: s.logger, Metrics: s.metrics,
	})
	if err == nil {
		f.conn, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", s.flags.RADIUS)
	}
	if err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("opening the RADIUS front end on %s: %w", s.flags.RADIUS, err)
	}
	s.logger.InfoContext(ctx, "serving RADIUS", "listen", f.conn.LocalAddr().String())
	return f, nil
}

// run answers until ctx is done.
func (f *radiusFront) run(ctx context.Context) error {
	defer func() { _ = f.events.Close() }()
	return f.server.Run(ctx, f.conn)
}
