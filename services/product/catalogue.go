package product

import (
	"errors"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/product"
)

// The reasons a change of a product cannot be taken.
var (
	errNoProduct = errors.New("the change names no product")
	errKey       = errors.New("the record's key is not the productId, in upper case")
	errNoOp      = errors.New("the change is neither UPSERT nor DELETE")
	errPrice     = errors.New("listPrice is below 0")
)

// change keeps the current row of a product: cleansed, and untouched by changes that arrive late or change nothing.
func change(c *stream.Ctx[string, product.Product], e product.ProductChange) error {
	switch {
	case e.ProductID == "":
		return stream.Reject(errNoProduct)
	case c.Key != e.ProductID || c.Key != strings.ToUpper(c.Key):
		return stream.Reject(errKey) // its row would lie where nobody looks for it
	case c.Exists() && e.ChangedAt.Before(c.State.Changed):
		return nil // an older row arriving late
	case e.Op == product.ChangeOpDelete:
		return remove(c, e.Identity.IdempotenceID, e.ChangedAt)
	case e.Op != product.ChangeOpUpsert:
		return stream.Reject(errNoOp)
	case e.ListPrice < 0:
		return stream.Reject(errPrice)
	}
	row := cleanse(&e, c.State.Name)
	row.Revision, row.Changed = c.State.Revision, c.State.Changed
	if c.Exists() && row == c.State {
		return nil
	}
	row.Revision, row.Changed = row.Revision+1, e.ChangedAt.UTC().Truncate(time.Millisecond)
	h := revision(c, &row, e.Identity.IdempotenceID, row.Changed)
	h.Step = product.HistoryStepCreated
	if c.Exists() {
		h.Step = product.HistoryStepChanged
		if row.Name != c.State.Name {
			h.PreviousName = schemas.Some(c.State.Name)
		}
		if row.ListPrice != c.State.ListPrice {
			h.PreviousListPrice = schemas.Some(c.State.ListPrice)
		}
	}
	stream.Emit(c, product.ProductHistoryEvent, c.Key, h)
	c.State = row
	return nil
}

// cleanse is the row a change asks for, tidied. A change without a name keeps the known one.
func cleanse(e *product.ProductChange, known string) product.Product {
	name := strings.TrimSpace(e.Name)
	if name == "" {
		name = known
	}
	if name == "" {
		name = e.ProductID
	}
	return product.Product{
		ProductID: e.ProductID, Number: e.Number.Or(e.ProductID), Name: name, Category: e.Category, Subcategory: e.Subcategory,
		Supplier: e.Supplier, Colour: e.Colour, Size: e.Size, Weight: e.Weight, Cost: e.Cost,
		ListPrice: e.ListPrice, Currency: e.Currency, Available: e.Available,
	}
}

// gone removes a product whose row was removed from the database.
func gone(c *stream.Ctx[string, product.Product]) error { return remove(c, "", c.Time()) }

// remove ends a product, and its history with a last revision. Twice gone is gone.
func remove(c *stream.Ctx[string, product.Product], idempotenceID string, at time.Time) error {
	if !c.Exists() {
		return nil
	}
	h := revision(c, &c.State, idempotenceID, at.UTC().Truncate(time.Millisecond))
	h.Step, h.Revision = product.HistoryStepRemoved, c.State.Revision+1
	stream.Emit(c, product.ProductHistoryEvent, c.Key, h)
	c.Delete()
	return nil
}

// revision is a row as its history tells it.
func revision(c *stream.Ctx[string, product.Product], row *product.Product, idempotenceID string, at time.Time) product.ProductHistory {
	return product.ProductHistory{
		Identity:  product.Identity{EventID: c.ID(), IdempotenceID: idempotenceID, Created: c.Time()},
		ProductID: row.ProductID, Revision: row.Revision, ValidFrom: at, Name: row.Name, Category: row.Category,
		Subcategory: row.Subcategory, Supplier: row.Supplier, Cost: row.Cost, ListPrice: row.ListPrice,
		Currency: row.Currency, Available: row.Available,
	}
}
