"""Images part by part: the pixels of PixelCNN and PixelRNN, DRAW's canvas, halved sizes; warps."""
