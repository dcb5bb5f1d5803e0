//go:build tools

// Package influxd pins what the InfluxDB server is built from; nothing imports it.
package influxd

import (
	_ "github.com/influxdata/influxdb/v2/cmd/influxd"
	_ "github.com/influxdata/pkg-config"
)
