package sqlite

// cacheRecords and cacheValue bound a generation of the cache: 16 MiB at most,
// and a fraction of that in use.
const (
	cacheRecords = 4096
	cacheValue   = 4 << 10
)

// cache holds records as they are in the database, in the writer's transaction,
// nil for one that there is not: a sign-in reads the same few, and most of them
// again when it settles. It has
// two generations: when the young is full it becomes the old, and what nobody
// has asked for since is forgotten. Any rollback, and any other process's
// commit, empties it. The zero value, and one that is not kept, is empty.
type cache struct {
	young, old map[record][]byte
	version    any // PRAGMA data_version, which other connections' commits change
	kept       bool
}

func (c *cache) get(r record) ([]byte, bool) {
	if value, ok := c.young[r]; ok {
		return value, true
	}
	value, ok := c.old[r]
	if ok {
		c.put(r, value)
	}
	return value, ok
}

// put takes the value over.
func (c *cache) put(r record, value []byte) {
	if !c.kept {
		return
	}
	if len(value) > cacheValue {
		delete(c.young, r)
		delete(c.old, r)
		return
	}
	if len(c.young) >= cacheRecords || c.young == nil {
		c.young, c.old = make(map[record][]byte, cacheRecords), c.young
	}
	c.young[r] = value
}

func (c *cache) empty() { c.young, c.old = nil, nil }

// at keeps the cache if the database is still of this version.
func (c *cache) at(version any) {
	if version != c.version {
		c.empty()
	}
	c.version, c.kept = version, true
}
