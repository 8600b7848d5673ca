package kafka

// From is the position that was asked for: NextOffset of the chunk before, or the offset the partition was added at.
// A chunk that was on its way while its partition was removed and added anew gives itself away by it.
func (c *Chunk) From() int64 { return c.from }
