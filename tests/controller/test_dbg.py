import time, numpy as np, cProfile, pstats
from tests.controller.hands import At, picture
from tests.controller.test_saving import *
from tests.fakes import disc_picture
@pytest.mark.parametrize("count", [60])
def test_speed(qtbot, tmp_path, fake_models, after_a_crash, count):
    at=At(ViewerModel(), tmp_path/"s", qtbot)
    size=(512,512)
    pairs=[disc_picture(i, size, 12) for i in range(min(count,4))]
    stack=np.stack([pairs[i%len(pairs)][0][...,0] for i in range(count)])
    im=at.image("cells", stack); at.viewer.dims.set_point(0,0)
    at.paint(im, np.concatenate([pairs[0][1][None], np.zeros((count-1,*size),np.uint8)]))
    save(at)
    o=after_a_crash(at)
    o.desk.saving.offer()
    p=cProfile.Profile(); p.enable(); o.desk.saving.go_on(); p.disable()
    pstats.Stats(p).sort_stats("tottime").print_stats(12)
    pstats.Stats(p).sort_stats("cumtime").print_stats(40)
    at.close()
