package customer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/customerint"
	"meshwork.dev/services/customer"
	"meshwork.dev/services/customer/evaluate"
	"meshwork.dev/services/customer/sentiment"
)

// Reviews that go through the API, some requests twice and with a restart between, come out once each, with the scores
// of a batch over the file.
func TestReviewsEqualBatch(t *testing.T) {
	reviews, err := evaluate.ReadReviews(openData(t, "womens_reviews/womens-clothing-reviews.csv.gz"))
	require.NoError(t, err)
	if testing.Short() {
		reviews = reviews[:2000]
	}
	lexicon, emoji := "../../../shared/data/vader/vader_lexicon.txt", "../../../shared/data/vader/emoji_utf8_lexicon.txt"
	words, err := os.Open(lexicon)
	require.NoError(t, err)
	defer words.Close()
	pictures, err := os.Open(emoji)
	require.NoError(t, err)
	defer pictures.Close()
	model, err := sentiment.New(words, pictures)
	require.NoError(t, err)

	m := newMesh(t, map[string]string{customer.EnvLexicon: lexicon, customer.EnvEmoji: emoji})
	m.start()
	api := m.api()
	start := time.Now()
	var ids []string
	const size = 500
	for from := 0; from < len(reviews); from += size {
		if from/size == len(reviews)/size/2 {
			m.stop() // what is posted meanwhile waits
		}
		batch := reviews[from:min(from+size, len(reviews))]
		for range 1 + from/size%3/2 { // every third request once more
			got := post(t, api, fmt.Sprintf("reviews-%d", from), batch)
			if len(ids) == from {
				ids = append(ids, got...)
				continue
			}
			require.Equal(t, ids[from:], got)
		}
	}
	m.start()
	m.caughtUp()
	took := time.Since(start)
	made := map[string]customerint.InteractionMade{}
	read(m, customerint.InteractionMadeEvent, func(key string, e *customerint.InteractionMade) {
		_, twice := made[e.InteractionID]
		require.False(t, twice, "%s came out twice", e.InteractionID)
		require.Equal(t, key, e.CustomerID)
		made[e.InteractionID] = *e
	})
	require.Len(t, made, len(reviews))
	for i, r := range reviews {
		e := made[ids[i]]
		said := sentiment.Text(r.Title, r.Text)
		require.Equal(t, model.Score(said).Compound, e.Sentiment, "row %d", r.Row)
		require.EqualValues(t, r.Rating, e.Rating.Value)
		require.Equal(t, said == "", e.Mood == customerint.MoodUnknown)
		require.False(t, e.CustomerKnown)
	}
	t.Logf("%d reviews in %v", len(reviews), took.Round(time.Millisecond))
}

// post sends reviews and gives back their ids. While the topic is being made, the API says to come again.
func post(t *testing.T, api http.Handler, key string, batch []evaluate.Review) []string {
	t.Helper()
	items := make([]map[string]any, len(batch))
	for i, r := range batch {
		items[i] = map[string]any{
			"customerId": strconv.Itoa(12346 + r.Row%1000), "kind": "REVIEW", "channel": "web", "productId": r.ProductID, "rating": r.Rating,
			"recommended": r.Recommended, "helpful": r.Helpful, "title": r.Title, "text": r.Text, "occurredAt": "2011-06-01T10:00:00Z",
		}
	}
	body, err := json.Marshal(items)
	require.NoError(t, err)
	var answer struct {
		Interactions []struct {
			InteractionID string `json:"interactionId"`
		} `json:"interactions"`
	}
	require.Eventually(t, func() bool {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/interactions", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, req)
		if w.Code == http.StatusServiceUnavailable {
			return false
		}
		require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
		return true
	}, time.Minute, 100*time.Millisecond)
	var ids []string
	for i := range answer.Interactions {
		ids = append(ids, answer.Interactions[i].InteractionID)
	}
	return ids
}
