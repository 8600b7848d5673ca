package customer

import (
	"strings"

	"meshwork.dev/schemas/customerint"
)

// channelNames are the words for each channel, in the form that channelOf compares.
func channelNames() map[string]customerint.InteractionChannel {
	out := map[string]customerint.InteractionChannel{}
	for ch, names := range map[customerint.InteractionChannel]string{
		customerint.InteractionChannelPhone:  "phone telephone tel call phonecall callcenter callcentre hotline voice voicemail mobile",
		customerint.InteractionChannelEmail:  "email mail e-mail mailto",
		customerint.InteractionChannelSms:    "sms text textmessage mms",
		customerint.InteractionChannelChat:   "chat livechat whatsapp messenger webchat chatbot telegram signal im",
		customerint.InteractionChannelWeb:    "web website webform form shop onlineshop app review contactform portal internet online",
		customerint.InteractionChannelSocial: "social socialmedia twitter x facebook instagram tiktok mastodon bluesky linkedin youtube",
		customerint.InteractionChannelStore:  "store shopfloor inperson visit branch counter instore faceToface desk",
		customerint.InteractionChannelLetter: "letter post fax paper postal",
		customerint.InteractionChannelOther:  "other misc",
	} {
		for name := range strings.FieldsSeq(names) {
			out[channelKey(name)] = ch
		}
	}
	return out
}

// channelKey reduces a word to its letters, in lower case.
func channelKey(text string) string { return letters(text) }
