package schemas

import "embed"

// Files holds the contracts themselves: Avro schemas (*.avsc), data contracts (*.odcs.yaml) and product descriptors
// (*.odps.yaml), in one folder per bounded context.
//
//go:embed */*.avsc */*.odcs.yaml */*.odps.yaml
var Files embed.FS
